"""NumPy's scalars and arrays as stored values: few elements as a list, more as a file in NumPy's own format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from eventcore.define.codecs import Codec, NotStorableError

LISTED, LISTED_BYTES = 100, 10_000  #: elements and bytes of an array that is written as a list


def codec_of(cls: type) -> Codec | None:
    """The codec for a class of NumPy."""
    if issubclass(cls, np.generic):
        return None if issubclass(cls, np.record) else SCALAR
    return ARRAY if cls in (np.ndarray, np.memmap) else None


def encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """The array as a list of its elements, or in the format of `.npy` files."""
    if array.dtype.hasobject:
        raise NotStorableError(
            f"its dtype is {array.dtype}, and objects in arrays would have to be pickled; convert it with astype or "
            "tolist"
        )
    if array.size <= LISTED and array.nbytes <= LISTED_BYTES and _is_listed(array.dtype):
        numbers = array.astype("i8") if array.dtype.kind in "mM" else array
        return {"dtype": array.dtype.str, "shape": list(array.shape), "values": numbers.ravel().tolist()}
    return {"npy": _written(np.asarray(array))}


def _written(array: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    try:
        np.lib.format.write_array(out, array, (1, 0), allow_pickle=False)
    except (ValueError, UnicodeEncodeError):  # many fields, or names that are not Latin-1
        out = io.BytesIO()
        np.lib.format.write_array(out, array, (3, 0), allow_pickle=False)
    return out.getvalue()


def decode_array(parts: dict[str, Any]) -> np.ndarray[Any, Any]:
    """What `encode_array` wrote."""
    if "npy" in parts:
        content = parts["npy"]  # whose header is long if the array has many fields
        loaded: np.ndarray[Any, Any] = np.load(io.BytesIO(content), allow_pickle=False, max_header_size=len(content))
        return loaded
    dtype, values = np.dtype(parts["dtype"]), parts["values"]
    if dtype.kind in "mM":
        made = np.array(values, "i8").view(dtype.newbyteorder("=")).astype(dtype)
    else:
        made = np.empty(len(values), dtype)
        made[:] = values
    shaped: np.ndarray[Any, Any] = made.reshape(parts["shape"])
    return shaped


def _is_listed(dtype: np.dtype[Any]) -> bool:
    """Whether the elements survive as Python's own numbers and texts."""
    if dtype.kind in "fc":
        return dtype.itemsize <= (8 if dtype.kind == "f" else 16)
    return dtype.kind in "biumMU" and dtype.itemsize > 0


def _encode_scalar(value: np.generic) -> Any:
    parts = encode_array(np.asarray(value))
    return [parts["dtype"], parts["values"][0]] if "values" in parts else parts


def _decode_scalar(parts: Any) -> Any:
    if isinstance(parts, list):
        dtype, value = parts
        parts = {"dtype": dtype, "values": [value], "shape": []}
    return decode_array(parts)[()]


def _described(array: np.ndarray[Any, Any]) -> str:
    if array.size <= 10:
        return f"{np.array2string(array, separator=', ')} ({array.dtype})"
    return f"{array.dtype} array, {' x '.join(map(str, array.shape))}"


SCALAR = Codec(np.generic, "numpy.scalar", _encode_scalar, _decode_scalar, ".npy", str)
ARRAY = Codec(np.ndarray, "numpy.ndarray", encode_array, decode_array, ".npy", _described)
BY_NAME = {codec.name: codec for codec in (SCALAR, ARRAY)}
