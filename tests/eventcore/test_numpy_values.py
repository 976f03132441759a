"""NumPy's scalars and arrays as stored values: type, dtype, shape and every element come back."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eventcore.define.codecs import NotStorableError
from eventcore.define.values import decode, encode, encode_result

dtypes = st.one_of(hnp.scalar_dtypes(), hnp.byte_string_dtypes(), hnp.unicode_string_dtypes(), hnp.array_dtypes())
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6))


def assert_same(found: Any, value: Any) -> None:
    """The same type, dtype, shape and elements; NaNs are the same, too."""
    assert type(found) is type(value)
    assert found.dtype == value.dtype
    assert found.shape == value.shape
    if value.dtype.names is None:
        np.testing.assert_array_equal(found, value)
    else:
        assert found.tobytes() == value.tobytes()


@settings(deadline=None, max_examples=50)
@given(arrays)
def test_an_array_comes_back(array: np.ndarray[Any, Any]) -> None:
    assert_same(decode(encode(array)), array)


@settings(deadline=None, max_examples=50)
@given(arrays)
def test_so_does_what_is_in_it(array: np.ndarray[Any, Any]) -> None:
    values = list(array.ravel()[:3])
    for found, value in zip(decode(encode(values)), values, strict=True):
        assert_same(found, value)


@settings(deadline=None, max_examples=30)
@given(arrays)
def test_an_array_in_a_file_is_one_of_numpys_own_format(array: np.ndarray[Any, Any]) -> None:
    text, files = encode_result([array], True, 1)
    for name, content in files.items():
        assert name.endswith(".npy")
        assert_same(np.load(io.BytesIO(content), allow_pickle=False), array)
    assert_same(decode(text, files)[0], array)


@pytest.mark.parametrize(
    "value",
    [np.float32("nan"), np.float64("-inf"), np.float64(-0.0), np.float64(0.1), np.float32(0.1), np.uint64(2**64 - 1),
     np.int8(-128), np.longdouble("0.1"), np.datetime64("NaT"), np.datetime64("2026-11-21T01:02:03.000000001"),
     np.timedelta64(5, "D"), np.bool_(True), np.str_("ä"), np.bytes_(b"a\0b"), np.complex128(complex("nan-infj")),
     np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])[0]],
    ids=repr,
)  # fmt: skip
def test_a_scalar_is_the_same_scalar(value: Any) -> None:
    found = decode(encode({"a": [value]}))["a"][0]
    assert_same(found, value)
    assert repr(found) == repr(value)


def test_few_elements_are_legible_in_the_store_and_many_are_not_listed() -> None:
    assert json.loads(encode(np.array([1.5, np.nan])))["v"] == [
        "numpy.ndarray", "[1.5, nan] (float64)",
        {"dtype": "<f8", "shape": [2], "values": [1.5, {"$": "float", "v": "nan"}]},
    ]  # fmt: skip
    assert json.loads(encode(np.zeros((30, 40))))["v"][1] == "float64 array, 30 x 40"


def test_an_array_of_many_fields_comes_back() -> None:
    array = np.arange(1200.0).view([(f"measurement {number}", "f8") for number in range(600)])
    assert_same(decode(encode(array)), array)


def test_an_array_that_is_read_can_be_changed() -> None:
    for array in (np.arange(3), np.arange(1000)):
        text, files = encode_result(array, True, 1)
        found = decode(text, files)
        found[0] = 7
        assert found[0] == 7


def test_a_mapped_file_comes_back_as_an_array(tmp_path: Any) -> None:
    mapped = np.memmap(tmp_path / "numbers", dtype="i4", mode="w+", shape=(200,))
    mapped[:] = np.arange(200)
    found = decode(encode(mapped))
    assert type(found) is np.ndarray
    assert found.tolist() == list(range(200))


@pytest.mark.parametrize(
    "array", [np.array([object()]), np.array([1], dtype=object), np.array([(1,)], dtype=[("a", "O")])]
)
def test_arrays_of_objects_are_refused(array: Any) -> None:
    with pytest.raises(NotStorableError, match=r"the value\['a'\] cannot be stored: its dtype is .*pickled; convert"):
        encode({"a": array})


@pytest.mark.parametrize(
    "value", [np.ma.masked_array([1, 2], [True, False]), np.recarray((2,), [("a", "i4")]), np.random.default_rng()]
)
def test_other_classes_of_numpy_are_refused_and_not_taken_for_arrays(value: Any) -> None:
    with pytest.raises(NotStorableError, match="which has no codec"):
        encode(value)


@settings(deadline=None)
@given(
    st.sampled_from(["numpy.scalar", "numpy.ndarray", "numpy.other", "pandas.Timestamp", "pandas.DataFrame", "x"]),
    st.recursive(
        st.none() | st.integers(-5, 5) | st.sampled_from(["<f8", "O", "M8[s]", "npy", "x", "ns"]),
        lambda inner: (
            st.lists(inner, max_size=3) | st.fixed_dictionaries({"dtype": inner, "shape": inner, "values": inner})
        ),
        max_leaves=5,
    ),
)
def test_what_was_never_written_is_an_error_and_nothing_worse(name: str, data: Any) -> None:
    try:
        decode(json.dumps({"$": "codec", "v": [name, "", data]}))
    except ValueError as error:
        assert "\n" not in str(error)[:50]
