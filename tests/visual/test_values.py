"""Stored values in a form to read, whether or not this process has what they were made of."""

from __future__ import annotations

import sys
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eventcore.define.values import encode, encode_result
from visual.values import shown_value


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.5, "1.5"), ({"day": date(2026, 1, 2), 3: [Decimal("1.10")]}, "{'day': 2026-01-02, 3: [1.10]}"),
     (np.float64(0.5), "0.5"), (np.datetime64("2026-01-02"), "2026-01-02"), (pd.NaT, "NaT"),
     ([pd.Timestamp("2026-01-02", tz="UTC")], "[2026-01-02 00:00:00+00:00]"), (np.arange(3), "[0, 1, 2] (int64)"),
     (np.zeros((30, 40), "f4"), "float32 array, 30 x 40"), (pd.Series([1.0], name="x"), "Series x of 1 values"),
     (pd.DataFrame({"a": [1], "b": [2]}), "DataFrame of 1 rows: a, b")],
)  # fmt: skip
def test_a_value_is_shown(value: Any, shown: str) -> None:
    assert shown_value(encode(value), 200) == shown


@pytest.mark.parametrize("most", [60, 100, 500, 5_000])
def test_of_a_large_value_that_is_cut_what_it_is_can_still_be_told(most: int) -> None:
    text = encode(pd.DataFrame({"amount": range(10_000)}))
    assert shown_value(text[:most], most).startswith("DataFrame of 10000 rows: amount"[: most if most > 60 else 0])


def test_an_array_in_a_file_is_told_by_its_size() -> None:
    text, files = encode_result({"a": np.zeros(10_000)}, True, 1_000)
    assert len(files) == 1
    assert shown_value(text, 200) == "{'a': float64 array, 10000}"


def test_what_no_codec_wrote_is_shown_as_it_is() -> None:
    for text in ('{"$":"codec","v":[', '{"$":"codec","v":["x"', '{"$":"codec","v":7}', '["numpy.ndarray","x"'):
        assert shown_value(text, 100)
    for text in ('{"$":"dict","v":[1]}', '{"$":"dataclass","v":["x"]}', '{"$":"enum","v":[]}'):
        assert shown_value(text, 100) == text


def test_nothing_is_imported_to_show_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    text = encode(np.float64(0.5))
    for name in ("numpy", "eventcore.define.numpy_codecs"):
        monkeypatch.setitem(sys.modules, name, None)
    assert shown_value(text, 100) == "0.5"
