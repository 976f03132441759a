"""pandas' tables and scalars as stored values: tables as Parquet files, which pyarrow writes and reads.

A table goes into the file with the levels of its index behind its columns. What Parquet does not keep is stored beside
it: labels that are not text, categories, units of time, the type of missing values. A column that would come back with
another type is refused.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from eventcore.define.codecs import Codec, NotStorableError

LEVEL = "__index_"  #: begins the names of an index's levels in files

#: Python's own types that come back from a column of objects; with any of them, values may be missing.
KEPT_OBJECTS = (str, bytes, bool, int, date, Decimal)


def codec_of(cls: type) -> Codec | None:
    """The codec for a class of pandas."""
    return INDEX if issubclass(cls, pd.Index) else _BY_CLASS.get(cls)


def _encode_frame(frame: pd.DataFrame) -> dict[str, Any]:
    labels = frame.columns
    columns = [frame.iloc[:, n] for n in range(len(labels))]
    made: dict[str, Any]
    if _are_names(labels):
        made = _encode_rows(list(labels), columns, frame.index)
    else:
        made = _encode_rows([str(n) for n in range(len(labels))], columns, frame.index)
        made["labels"] = _encode_labels(labels)
    if frame.attrs:
        made["attrs"] = dict(frame.attrs)
    return made


def _decode_frame(made: dict[str, Any]) -> pd.DataFrame:
    columns, index = _decode_rows(made)
    frame = pd.DataFrame(dict(enumerate(_as_series(values, index) for _, values in columns)), index=index)
    frame.columns = _decode_labels(made["labels"]) if "labels" in made else pd.Index([name for name, _ in columns])
    frame.attrs = made.get("attrs", {})
    return frame


def _encode_rows(names: list[str], columns: list[pd.Series], index: pd.Index) -> dict[str, Any]:
    """Columns and an index, of which the file has the values or, of an index of several levels, the codes."""
    made: dict[str, Any] = {"names": list(index.names)}
    if type(index) is pd.RangeIndex:
        made["range"] = [index.start, index.stop, index.step]
        behind = []
    elif isinstance(index, pd.MultiIndex):
        made["levels"] = [_encode_labels(level) for level in index.levels]
        behind = [pd.Series(codes) for codes in index.codes]
    else:
        made["freq"] = _freq(index)
        behind = [pd.Series(index.array, dtype=index.dtype)]
    names = names + [f"{LEVEL}{n}" for n in range(len(behind))]
    made["columns"], made["parquet"] = _written(names, columns + behind)
    return made


def _freq(index: pd.Index) -> str | None:
    """The index's frequency; None also for one that its text does not lead back to, such as one with holidays."""
    if not isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) or index.freq is None:
        return None
    with suppress(ValueError):
        if pd.tseries.frequencies.to_offset(index.freqstr) == index.freq:
            return str(index.freqstr)
    return None


def _decode_rows(made: dict[str, Any]) -> tuple[list[tuple[str, Any]], pd.Index]:
    columns, names = list(_read(made["parquet"], made["columns"])), made["names"]
    if "range" in made:
        return columns, pd.RangeIndex(*made["range"], name=names[0])
    if "levels" in made:
        codes = [columns.pop()[1] for _ in names][::-1]
        return columns, pd.MultiIndex([_decode_labels(level) for level in made["levels"]], codes, names=names)
    _, values = columns.pop()
    index = pd.Index(values, dtype=values.dtype, name=names[0])
    if made["freq"] is not None:
        index.freq = made["freq"]
    return columns, index


def _are_names(labels: pd.Index) -> bool:
    """Whether the file can have the labels as its names, so that they come back as they are."""
    if type(labels) is not pd.Index or labels.name is not None or not labels.is_unique:
        return False
    if not all(type(label) is str and not label.startswith(LEVEL) for label in labels):
        return False
    return len(labels) > 0 and bool(pd.Index(list(labels)).dtype == labels.dtype)


def _encode_labels(labels: pd.Index) -> dict[str, Any]:
    if type(labels) is pd.Index and _is_object(labels.dtype):
        return {"objects": list(labels), "name": labels.name}
    if isinstance(labels, pd.IntervalIndex):
        sides = [_encode_labels(side) for side in (labels.left, labels.right)]
        return {"sides": sides, "closed": labels.closed, "name": labels.name}
    return {"index": _encode_index(labels)}


def _decode_labels(made: dict[str, Any]) -> pd.Index:
    if "index" in made:
        return _decode_index(made["index"])
    if "sides" in made:
        left, right = map(_decode_labels, made["sides"])
        return pd.IntervalIndex.from_arrays(left, right, made["closed"], made["name"])
    return pd.Index(_objects(made["objects"]), dtype=object, name=made["name"])


# columns


def _written(names: list[str], columns: list[pd.Series]) -> tuple[list[Any], bytes]:
    """What Parquet does not keep of each column, and the file."""
    pyarrow, parquet = _pyarrow()
    beside, arrays = [], []
    for name, column in zip(names, columns, strict=True):
        try:
            said, values = _encode_column(column)
            arrays.append(pyarrow.array(values, from_pandas=True))
        except NotStorableError as error:
            raise NotStorableError(f"its column {name!r} of dtype {column.dtype} {error}") from None
        except (pyarrow.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise NotStorableError(f"its column {name!r} of dtype {column.dtype} cannot be written: {error}") from None
        beside.append(said)
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(arrays, names=names), out)
    file = out.getvalue()
    few = io.BytesIO()
    parquet.write_table(pyarrow.table([array.slice(0, 0) for array in arrays], names=names), few)
    table = parquet.read_table(few, use_threads=False)
    for name, said, column in zip(names, beside, columns, strict=True):
        if not _comes_back(table.column(name), said, column.dtype):
            raise NotStorableError(f"its column {name!r} has dtype {column.dtype}, which Parquet does not keep")
    return beside, file


def _comes_back(column: Any, said: dict[str, Any], dtype: Any) -> bool:
    """Whether what was read of a column has its dtype."""
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    try:
        return bool(_decode_column(column, said).dtype == dtype)
    except Exception:  # whatever an odd dtype raises
        return False


def _encode_column(column: pd.Series) -> tuple[Any, Any]:
    """What is stored beside the file to restore the column, and what pyarrow makes its array of."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return {"categories": _encode_labels(dtype.categories), "ordered": dtype.ordered}, column.cat.codes.to_numpy()
    if _is_object(dtype):
        values = list(column)
        return {"missing": _missing(values)}, values
    if isinstance(dtype, pd.StringDtype):
        return {"storage": dtype.storage, "missing": "NA" if dtype.na_value is pd.NA else "nan"}, column
    if isinstance(dtype, pd.IntervalDtype) or (isinstance(dtype, np.dtype) and dtype.kind not in "biufmM"):
        raise NotStorableError("cannot be written: Parquet has no such type")
    return {"dtype": str(dtype)}, column


def _is_object(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _missing(values: list[Any]) -> str | None:
    """What stands for missing values among objects, None or NaN; raises `NotStorableError` for mixed and odd types."""
    kinds = {type(value) for value in values}
    missing = {type(None), float} & kinds
    kinds -= missing
    if not kinds.issubset(KEPT_OBJECTS):
        odd = ", ".join(sorted(kind.__name__ for kind in kinds.difference(KEPT_OBJECTS)))
        raise NotStorableError(
            f"holds objects of type {odd}, which Parquet does not keep; convert them, to text perhaps"
        )
    if len(missing) == 2 or len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds | missing))
        raise NotStorableError(f"holds objects of different types, {names}; convert all to one type")
    if float in missing and any(value == value for value in values if type(value) is float):
        raise NotStorableError("holds numbers as objects; convert it with astype(float)")
    if kinds == {Decimal}:
        _check_decimals([value for value in values if type(value) is Decimal])
    return "nan" if missing == {float} else "None" if missing else None


def _check_decimals(values: list[Decimal]) -> None:
    if any(not value.is_finite() for value in values):
        raise NotStorableError("holds decimals that are infinite or no numbers, which Parquet does not keep")
    if len({value.as_tuple().exponent for value in values}) > 1:
        raise NotStorableError("holds decimals with different numbers of places; quantize them")


def _read(file: bytes, beside: list[Any]) -> Iterator[tuple[str, Any]]:
    """The columns of a file by name."""
    _, parquet = _pyarrow()
    table = parquet.read_table(io.BytesIO(file), use_threads=False)
    for name, column, said in zip(table.column_names, table.columns, beside, strict=True):
        yield name, _decode_column(column, said)


def _decode_column(column: Any, said: dict[str, Any]) -> Any:
    if "categories" in said:
        codes = column.to_numpy(zero_copy_only=False)
        categories = _decode_labels(said["categories"])
        return pd.Categorical.from_codes(codes, categories=categories, ordered=said["ordered"])
    if "storage" in said:
        dtype = pd.StringDtype(said["storage"], **({} if said["missing"] == "NA" else {"na_value": np.nan}))
        return dtype.__from_arrow__(column)
    if "missing" in said:
        values = column.to_pylist()
        return _objects(
            [np.nan if value is None else value for value in values] if said["missing"] == "nan" else values
        )
    dtype = pd.api.types.pandas_dtype(said["dtype"])
    if hasattr(dtype, "__from_arrow__"):
        return dtype.__from_arrow__(column)
    return column.to_numpy(zero_copy_only=False).astype(dtype)


def _objects(values: list[Any]) -> np.ndarray[Any, Any]:
    made = np.empty(len(values), object)
    made[:] = values
    return made


def _as_series(values: Any, index: pd.Index) -> pd.Series:
    return pd.Series(values, index=index, dtype=values.dtype)


def _pyarrow() -> tuple[Any, Any]:
    """pyarrow and its part for Parquet; raises `NotStorableError` or `ImportError`."""
    import pyarrow
    import pyarrow.parquet

    return pyarrow, pyarrow.parquet


# series, indexes and scalars


def _encode_series(series: pd.Series) -> dict[str, Any]:
    frame = series.to_frame("values")
    frame.attrs = {}
    return {"name": series.name, "table": _encode_frame(frame), "attrs": dict(series.attrs)}


def _decode_series(made: dict[str, Any]) -> pd.Series:
    series = _decode_frame(made["table"]).iloc[:, 0].rename(made["name"])
    series.attrs = made["attrs"]
    return series


def _encode_index(index: pd.Index) -> dict[str, Any]:
    return _encode_rows([], [], index)


def _decode_index(made: dict[str, Any]) -> pd.Index:
    return _decode_rows(made)[1]


def _encode_timestamp(moment: pd.Timestamp) -> list[Any]:
    return [int(moment.asm8.view("i8")), moment.unit, None if moment.tz is None else _encode_zone(moment)]


def _decode_timestamp(made: list[Any]) -> pd.Timestamp:
    value, unit, zone = made
    moment = pd.Timestamp(np.datetime64(value, unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(_decode_zone(zone))


def _encode_zone(moment: pd.Timestamp) -> list[Any]:
    """The moment's time zone by its name or, where that would not lead back to it, by its offset."""
    for zone in (["zoneinfo", getattr(moment.tz, "key", None)], ["pandas", str(moment.tz)]):
        with suppress(Exception):  # whatever a name that is none raises
            if str(_decode_zone(zone)) == str(moment.tz):
                return zone
    return ["offset", moment.utcoffset().total_seconds()]


def _decode_zone(made: list[Any]) -> Any:
    how, name = made
    if how == "offset":
        return timezone(timedelta(seconds=name))
    return ZoneInfo(name) if how == "zoneinfo" else pd.DatetimeTZDtype(tz=name).tz


def _encode_timedelta(span: pd.Timedelta) -> list[Any]:
    return [int(span.asm8.view("i8")), span.unit]


def _decode_timedelta(made: list[Any]) -> pd.Timedelta:
    return pd.Timedelta(np.timedelta64(made[0], made[1]))


def _encode_period(period: pd.Period) -> list[Any]:
    return [period.ordinal, period.freqstr]


def _decode_period(made: list[Any]) -> pd.Period:
    return pd.Period(ordinal=made[0], freq=made[1])


def _table_described(frame: pd.DataFrame) -> str:
    return f"DataFrame of {len(frame)} rows: {', '.join(map(str, frame.columns[:10]))}"


def _rows_described(rows: pd.Series | pd.Index) -> str:
    name = "" if rows.name is None else f" {rows.name}"
    return f"{type(rows).__name__}{name} of {len(rows)} values"


def _same(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


INDEX = Codec(pd.Index, "pandas.Index", _encode_index, _decode_index, ".parquet", _rows_described)
CODECS = (
    INDEX,
    Codec(pd.DataFrame, "pandas.DataFrame", _encode_frame, _decode_frame, ".parquet", _table_described),
    Codec(pd.Series, "pandas.Series", _encode_series, _decode_series, ".parquet", _rows_described),
    Codec(pd.Timestamp, "pandas.Timestamp", _encode_timestamp, _decode_timestamp, describe=str),
    Codec(pd.Timedelta, "pandas.Timedelta", _encode_timedelta, _decode_timedelta, describe=str),
    Codec(pd.Period, "pandas.Period", _encode_period, _decode_period, describe=str),
    Codec(type(pd.NaT), "pandas.NaT", _same(None), _same(pd.NaT)),
    Codec(type(pd.NA), "pandas.NA", _same(None), _same(pd.NA)),
)
BY_NAME = {codec.name: codec for codec in CODECS}
_BY_CLASS = {codec.cls: codec for codec in CODECS}
