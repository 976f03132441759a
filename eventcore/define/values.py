"""Values as text: JSON with tags for the usual types, and nothing that runs code when it is read.

A tagged value is the object `{"$": tag, "v": ...}`; a plain mapping that happens to have the key `$`, or keys that are
not text, is written as a tagged list of pairs. Enums, dataclasses and structs of msgspec are written with the name of
their class, and read back only when the module of that class is already imported: what a store holds never causes an
import. A program's script is the same module whether it runs as `__main__` or was loaded under its own name. Time zones
are kept as their offset, and the fold of a local time is not.
"""

import json
import math
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any
from uuid import UUID

import msgspec

TAG = "$"
SCRIPT = "__eventcore_script__"  #: the module in `sys.modules` whose `script` is the one that `script_is` named
DECIMAL_BITS = 10_000  #: Python reads and writes no longer integers as decimals


def script_is(module: ModuleType) -> None:
    """Say that the module is the program's script, though this process was started with another one."""
    holder = ModuleType(SCRIPT)  # the module under one more name would be found by what looks for functions' modules
    vars(holder)["script"] = module
    sys.modules[SCRIPT] = holder


class NotStorableError(TypeError):
    """The value has no form in JSON with tags; the message names the part and its type."""


_writers: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
    bytes: ("bytes", lambda v: b64encode(v).decode("ascii")),
    complex: ("complex", lambda v: [v.real, v.imag]),
}

_readers: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timedelta": lambda v: timedelta(*v),
    "decimal": Decimal,
    "uuid": UUID,
    "path": Path,
    "bytes": b64decode,
    "complex": lambda v: complex(*v),
    "float": float,
    "tuple": lambda v: tuple(_read(item) for item in v),
    "list": lambda v: [_read(item) for item in v],
    "set": lambda v: {_read(item) for item in v},
    "frozenset": lambda v: frozenset(_read(item) for item in v),
    "dict": lambda v: {_read(key): _read(item) for key, item in v},
    "int": lambda v: int(v, 16),
    "enum": lambda v: _class_named(v[0], Enum)[v[1]],
    "flag": lambda v: _class_named(v[0], Flag)(v[1]),
    "dataclass": lambda v: _dataclass_from(v[0], v[1]),
    "text": str,
}


def encode(value: Any) -> str:
    """Write `value` as text; raises `NotStorableError` where a part of it has no form."""
    data = _write(value, "the value")
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, as in a file's name that could not be decoded
        return json.dumps(data, separators=(",", ":"))
    return text


def decode(text: str) -> Any:
    """Read what `encode` wrote; raises `ValueError` for anything else."""
    return _read(json.loads(text))


def encode_result(value: Any, needed: bool) -> str:
    """Write a step's result: one that cannot be stored is kept as its text, unless something refers to it."""
    try:
        return encode(value)
    except (NotStorableError, RecursionError) as error:
        if needed:
            raise NotStorableError(
                f"a later step refers to this step's result, and it cannot be stored: {error}"
            ) from None
        return json.dumps({TAG: "text", "v": _shown(value)})


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # a result whose own repr raises is still a result
        return f"<{type(value).__name__}>"


def _write(value: Any, where: str) -> Any:
    kind = type(value)
    if value is None or kind in (str, bool):
        return value
    if kind is int:
        return value if value.bit_length() < DECIMAL_BITS else _tagged("int", hex(value))
    if kind is float:
        return value if math.isfinite(value) else _tagged("float", repr(value))
    if kind is list:
        return [_write(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if kind is dict:
        return _write_mapping(value, where)
    if kind in _writers:
        tag, write = _writers[kind]
        return _tagged(tag, write(value))
    return _write_other(value, where)


def _write_mapping(value: Mapping[Any, Any], where: str) -> Any:
    if all(type(key) is str for key in value) and TAG not in value:
        return {key: _write(item, f"{where}[{key!r}]") for key, item in value.items()}
    return _tagged("dict", [[_write(k, f"a key of {where}"), _write(v, f"{where}[{k!r}]")] for k, v in value.items()])


def _write_other(value: Any, where: str) -> Any:
    if isinstance(value, Enum):
        if isinstance(value, Flag):
            return _tagged("flag", [_class_name(type(value), where), value.value])
        return _tagged("enum", [_class_name(type(value), where), value.name])
    if _is_record(type(value)):
        parts = {name: _write(getattr(value, name), f"{where}.{name}") for name in _field_names(value)}
        return _tagged("dataclass", [_class_name(type(value), where), parts])
    if isinstance(value, PurePath):
        return _tagged("path", str(value))
    if type(value) in (set, frozenset, tuple):
        return _tagged(type(value).__name__, [_write(item, f"an item of {where}") for item in value])
    raise NotStorableError(f"{where} is of type {type(value).__module__}.{type(value).__qualname__}")


def _is_record(cls: type) -> bool:
    """Whether its objects are written field by field: a dataclass, or a struct of msgspec such as `Answer`."""
    return is_dataclass(cls) or issubclass(cls, msgspec.Struct)


def _field_names(value: Any) -> Sequence[str]:
    return [f.name for f in fields(value) if f.init] if is_dataclass(value) else value.__struct_fields__


def _tagged(tag: str, value: Any) -> dict[str, Any]:
    return {TAG: tag, "v": value}


def _read(data: Any) -> Any:
    if isinstance(data, list):
        return [_read(item) for item in data]
    if not isinstance(data, dict):
        return data
    if TAG not in data:
        return {key: _read(item) for key, item in data.items()}
    try:
        return _readers[data[TAG]](data["v"])
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"not a stored value: {str(data)[:80]} ({error})") from None


def _class_name(cls: type, where: str) -> str:
    if "<locals>" in cls.__qualname__:
        raise NotStorableError(
            f"{where} is of class {cls.__qualname__}, which cannot be found by that name; "
            "define it at the top level of a module"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def _class_named(name: str, base: type) -> Any:
    module, _, qualname = name.partition(":")
    for place in _modules_named(module):
        found: Any = place
        for part in qualname.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and (issubclass(found, base) if base is not object else _is_record(found)):
            return found
    raise ValueError(f"a stored value is of class {qualname} of module {module}, which is not imported here; import it")


def _modules_named(name: str) -> Iterator[ModuleType]:
    """The imported module of that name; and the program's script, which has another name each way it is started."""
    if name in sys.modules:
        yield sys.modules[name]
    holder = sys.modules.get(SCRIPT)
    script = sys.modules["__main__"] if holder is None else holder.script
    spec = getattr(script, "__spec__", None)
    if name in ("__main__", Path(getattr(script, "__file__", None) or "").stem, getattr(spec, "name", None)):
        yield script


def _dataclass_from(name: str, parts: Mapping[str, Any]) -> Any:
    return _class_named(name, object)(**{key: _read(item) for key, item in parts.items()})
