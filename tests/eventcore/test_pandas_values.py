"""pandas' tables and scalars as stored values: labels, index, dtypes and every value come back."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal

from eventcore.define.codecs import NotStorableError
from eventcore.define.values import decode, encode, encode_result

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
numbers = st.integers(-(2**62), 2**62)
COLUMNS: dict[str, st.SearchStrategy[Any]] = {
    "int64": numbers,
    "uint8": st.integers(0, 255),
    "float64": st.floats(),
    "float32": st.floats(width=32),
    "bool": st.booleans(),
    "Int64": st.none() | numbers,
    "Float64": st.none() | st.floats(allow_nan=False),
    "boolean": st.none() | st.booleans(),
    "str": st.none() | texts,
    "string[python]": st.none() | texts,
    "category": st.none() | texts,
    "datetime64[ns]": st.none() | numbers,
    "datetime64[s]": st.none() | st.integers(-(2**40), 2**40),
    "datetime64[us, Europe/Berlin]": st.none() | st.integers(-(2**50), 2**50),
    "datetime64[ms, UTC+05:30]": st.none() | st.integers(-(2**40), 2**40),
    "timedelta64[us]": st.none() | st.integers(-(2**50), 2**50),
    "timedelta64[s]": st.none() | st.integers(-(2**40), 2**40),
    "period[M]": st.none() | st.integers(-500, 500),
}
OBJECTS: list[st.SearchStrategy[Any]] = [
    texts, st.binary(max_size=4), st.booleans(), st.integers(-(2**62), 2**62), st.dates(),
    st.integers(-(10**9), 10**9).map(lambda v: Decimal(v).scaleb(-2)),
]  # fmt: skip
labels = texts | st.integers(-5, 5) | st.none() | st.dates() | st.tuples(texts, st.integers(0, 3))


@st.composite
def columns(draw: st.DrawFn, size: int) -> pd.Series:
    dtype = draw(st.sampled_from([*COLUMNS, "object"]))
    if dtype == "object":
        missing, element = draw(st.sampled_from([None, np.nan])), draw(st.sampled_from(OBJECTS))
        found = draw(st.lists(st.just(missing) | element, min_size=size, max_size=size))
        return pd.Series(found, dtype=object)
    found = draw(st.lists(COLUMNS[dtype], min_size=size, max_size=size))
    if dtype.startswith(("datetime64", "timedelta64", "period")):
        gone = np.iinfo("i8").min
        raw = np.array([gone if value is None else value for value in found], "i8")
        if dtype.startswith("period"):
            return pd.Series(pd.arrays.PeriodArray(raw, dtype=dtype))
        unit, _, zone = dtype.partition("[")[2].rstrip("]").partition(", ")
        made = pd.Series(raw.view(f"{'M' if dtype.startswith('d') else 'm'}8[{unit}]"))
        return made.dt.tz_localize("UTC").dt.tz_convert(zone) if zone else made
    return pd.Series(found, dtype=dtype)


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(0, 4))
    made = [draw(columns(size)) for _ in range(draw(st.integers(0, 4)))]
    frame = pd.concat(made, axis=1) if made else pd.DataFrame(index=pd.RangeIndex(size))
    if draw(st.booleans()):
        frame.columns = draw(st.lists(texts, min_size=len(made), max_size=len(made)))
    else:
        frame.columns = pd.Index(draw(st.lists(labels, min_size=len(made), max_size=len(made))), tupleize_cols=False)
    levels = [draw(columns(size)) for _ in range(draw(st.integers(0, 2)))]
    if levels:
        frame.index = pd.Index(levels[0]) if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)
        frame.index.names = draw(st.lists(texts | st.none(), min_size=len(levels), max_size=len(levels), unique=True))
    return frame


def assert_same(found: pd.DataFrame, frame: pd.DataFrame) -> None:
    assert_frame_equal(found, frame, check_exact=True, check_freq=True)
    assert type(found.index) is type(frame.index)
    for n in range(frame.shape[1]):
        assert list(map(type, found.iloc[:, n])) == list(map(type, frame.iloc[:, n]))


@settings(deadline=None)
@given(frames())
def test_a_table_comes_back(frame: pd.DataFrame) -> None:
    assert_same(decode(encode(frame)), frame)


@settings(deadline=None, max_examples=30)
@given(frames())
def test_a_table_in_a_file_is_one_in_parquet(frame: pd.DataFrame) -> None:
    text, files = encode_result([frame], True, 1)
    assert_same(decode(text, files)[0], frame)
    assert all(name.endswith(".parquet") for name in files)
    rows = {len(pd.read_parquet(io.BytesIO(content))) for content in files.values()}
    assert len(frame) in rows or not frame.shape[1]


def test_others_can_read_the_file_with_its_labels() -> None:
    frame = pd.DataFrame({"day": ["mon", "tue"], "amount": [1.5, np.inf]}, index=pd.Index([7, 8], name="id"))
    _, files = encode_result(frame, True, 1)
    [content] = files.values()
    assert list(pd.read_parquet(io.BytesIO(content)).columns) == ["day", "amount", "__index_0"]


FRAME = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=3, freq="D"), "n": [1, 2, 3]})


@pytest.mark.parametrize(
    "frame",
    [FRAME.set_index("day"), FRAME.set_index(["day", "n"]), FRAME.iloc[::-1], FRAME.iloc[1:1], FRAME.iloc[::2],
     pd.DataFrame(), pd.DataFrame(np.zeros((2, 3))), pd.DataFrame([[1, 2]], columns=["a", "a"]),
     pd.DataFrame([[1, 2]], columns=["a", 5]), pd.DataFrame([[1, 2]], columns=["__index_0", "b"], index=["x"]),
     pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", None])),
     pd.DataFrame([[1.0]], columns=pd.DatetimeIndex(["2026-01-01"])), pd.DataFrame({"a": [1]}, index=[np.nan]),
     FRAME.pivot_table(index="day", columns="n", values="n"), FRAME.rename_axis(columns="what"),
     FRAME.set_index(pd.CategoricalIndex(["a", "b", "a"], ["c", "b", "a"], ordered=True)),
     FRAME.astype({"n": pd.CategoricalDtype([3, 2, 1, 0], ordered=True)})],
)  # fmt: skip
def test_tables_of_all_shapes_come_back(frame: pd.DataFrame) -> None:
    assert_same(decode(encode(frame)), frame)


def test_what_is_said_of_a_table_comes_back() -> None:
    frame = FRAME.copy()
    frame.attrs = {"source": "orders", "at": date(2026, 1, 2)}
    assert decode(encode(frame)).attrs == frame.attrs
    assert frame.attrs == {"source": "orders", "at": date(2026, 1, 2)}


def test_a_table_that_is_read_can_be_changed() -> None:
    found = decode(encode(FRAME))
    found.iloc[0, 1] = 9
    found["more"] = found["n"] * 2
    assert found["more"].tolist() == [18, 4, 6]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 4).flatmap(columns), labels)
def test_a_series_comes_back(series: pd.Series, name: Any) -> None:
    series = series.rename(name)
    found = decode(encode(series))
    assert_series_equal(found, series, check_exact=True)
    assert found.name == name


@pytest.mark.parametrize(
    "index",
    [pd.RangeIndex(1, 9, 2, name="r"), pd.Index([1, 2]), pd.Index(["a"]), pd.Index(["a", None], dtype=object),
     pd.date_range("2026", periods=3, tz="UTC"), pd.MultiIndex.from_product([[1, 2], ["a"]], names=["x", "y"]),
     pd.CategoricalIndex(["a", "b"]), pd.period_range("2026", periods=2, freq="M"),
     pd.timedelta_range("1D", periods=2), pd.CategoricalIndex(pd.cut([1, 9], [0.0, 5.0, 10.0]))],
    ids=lambda index: type(index).__name__,
)  # fmt: skip
def test_an_index_comes_back(index: pd.Index) -> None:
    found = decode(encode(index))
    assert_index_equal(found, index, exact=True)
    assert getattr(found, "freq", None) == getattr(index, "freq", None)


@pytest.mark.parametrize(
    "value",
    [pd.Timestamp("2026-11-21 01:02:03.000000001"),
     pd.Timestamp("2026-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin"),
     pd.Timestamp("2026-10-25 02:30", tz="UTC+05:30"), pd.Timestamp("1850-01-01", tz="Europe/Berlin").as_unit("s"),
     pd.Timedelta("1D 3ns"), pd.Timedelta(5, "s").as_unit("ms"), pd.Period("2026-01", "M"),
     pd.Period("2026-01-05", "W-TUE")],
    ids=repr,
)  # fmt: skip
def test_a_scalar_is_the_same_scalar(value: Any) -> None:
    [found] = decode(encode([value]))
    assert (type(found), repr(found), found) == (type(value), repr(value), value)
    assert getattr(found, "unit", None) == getattr(value, "unit", None)


@settings(deadline=None)
@given(st.datetimes(), st.none() | st.timezones())
def test_a_moment_keeps_its_time_zone(moment: datetime, zone: ZoneInfo | None) -> None:
    value = pd.Timestamp(moment)
    if zone is not None:
        try:
            value = value.tz_localize("UTC").tz_convert(zone)
        except (ValueError, OverflowError):
            return  # it is before year 1 there, or after 9999
    found = decode(encode(value))
    assert (found, found.isoformat(), str(found.tz)) == (value, value.isoformat(), str(value.tz))


def test_a_time_zone_without_a_name_is_kept_as_its_offset() -> None:
    value = pd.Timestamp("2026-07-01 12:00", tz="dateutil/Europe/Berlin")
    found = decode(encode(value))
    assert (found, found.isoformat()) == (value, "2026-07-01T12:00:00+02:00")


def test_there_is_one_missing_time_and_one_missing_value() -> None:
    found = decode(encode([pd.NaT, pd.NA, None]))
    assert found[0] is pd.NaT
    assert found[1] is pd.NA
    assert found[2] is None


@pytest.mark.parametrize(
    ("column", "reason"),
    [([1, "x"], "of dtype object holds objects of different types, int and str; "),
     ([[1], [2]], "of dtype object holds objects of type list, which Parquet does not keep; "),
     ([{"a": 1}], "objects of type dict,"), ([object()], "objects of type object,"),
     (pd.Series([None, np.nan, "x"], dtype=object), "different types, NoneType and float and str"),
     (pd.Series([1.5], dtype=object), "numbers as objects"),
     ([Decimal("1.5"), Decimal("1.50")], "different numbers of"),
     ([Decimal("NaN")], "decimals that are infinite or no numbers"), ([Decimal("Infinity"), None], "infinite or"),
     ([1 + 2j], "Parquet has no such type"), (pd.arrays.SparseArray([0, 1]), "Sparse"),
     (pd.interval_range(0, 2), "interval.*Parquet has no such type"),
     (pd.Series([2**70], dtype=object), "too large")],
)  # fmt: skip
def test_what_would_come_back_otherwise_is_refused_by_its_column(column: Any, reason: str) -> None:
    with pytest.raises(NotStorableError, match=f"the value cannot be stored: its column 'a'.*{reason}"):
        encode(pd.DataFrame({"a": column}))


def test_a_subclass_is_refused_and_not_taken_for_a_table() -> None:
    class Geo(pd.DataFrame):  # type: ignore[misc]
        """As those of libraries that build on pandas."""

    with pytest.raises(NotStorableError, match="which has no codec"):
        encode(Geo({"a": [1]}))


@pytest.mark.parametrize(
    "freq", [pd.offsets.CustomBusinessDay(holidays=["2026-01-02"]), pd.DateOffset(months=1, days=3)]
)
def test_a_frequency_that_has_no_name_is_left_out_of_an_index(freq: pd.DateOffset) -> None:
    index = pd.date_range("2026-01-01", periods=3, freq=freq)
    found = decode(encode(pd.DataFrame({"n": [1, 2, 3]}, index=index))).index
    assert list(found) == list(index)
    assert (found.dtype, found.freq) == (index.dtype, None)
