"""Values as text: JSON with tags for the usual types, and nothing that runs code when it is read.

A tagged value is the object `{"$": tag, "v": ...}`; a plain mapping that happens to have the key `$`, or keys that are
not text, is written as a tagged list of pairs. Enums, dataclasses and structs of msgspec are written with the name of
their class, and read back only when the module of that class is already imported: what a store holds never causes an
import, but for NumPy and pandas where a value is theirs. A program's script is the same module whether it runs as
`__main__` or was loaded under its own name. Fields of a dataclass that its `__init__` does not take are left out, so
they are as the class makes them. Time zones are kept as their offset, and the fold of a local time is not. Values may
be nested `DEEPEST` levels deep.

What a codec has written is `{"$": "codec", "v": [name, text, value]}`: the codec's name, a short text for readers that
do not have the codec, and what the codec made of the value. Large bytes in there are in a file beside the store, whose
name begins with the digest of its content.
"""

import json
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from eventcore.define.classes import class_named, is_record
from eventcore.define.codecs import (
    Codec,
    NotStorableError,
    UnknownCodecError,
    UnknownValue,
    codec_named,
    codec_of,
    missing_library,
)
from eventcore.errors import StoreError

TAG = "$"
DECIMAL_BITS = 10_000  #: Python reads and writes no longer integers as decimals
DEEPEST = 100  #: how many lists, mappings and the like may be inside one another, so that every process can read them
DIGITS = 32  #: of the digest of a file's content, with which the file's name begins
FILE_NAME = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9]{1,16}")
BASES: Mapping[str, type] = {"dataclass": object, "enum": Enum, "flag": Flag}  #: tags of values that name their class
CODED, FILED = f'{{"{TAG}":"codec"', f'{{"{TAG}":"file"'  #: how such a part begins in the text of a value
REMEDY = "restore the file, or rerun the step that returned it, which recovery alone would skip"  #: of a lost file

Content: TypeAlias = bytes | Path  #: of a file: what is in it, or where it is


_writers: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
    bytes: ("bytes", lambda v: b64encode(v).decode("ascii")),
    complex: ("complex", lambda v: [repr(v.real), repr(v.imag)]),  # numbers in JSON are finite
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
    "complex": lambda v: complex(*map(float, v)),
    "float": float,
    "int": lambda v: int(v, 16),
    "text": str,
}


class Encoded(NamedTuple):
    """A value in its stored form."""

    text: str
    files: Mapping[str, bytes]  #: what is kept beside the text, by the names that it has there


def encode(value: Any) -> str:
    """Write `value` as text; raises `NotStorableError` where a part of it has no form."""
    return _text(_Writer(None).whole(value))


def encode_result(value: Any, needed: bool, largest: int | None = None) -> Encoded:
    """Write a step's result: one that cannot be stored is kept as its text, unless something refers to it.

    Bytes from codecs go to files where there would be more than `largest` in the text.
    """
    writer = _Writer(largest)
    try:
        return Encoded(_text(writer.whole(value)), writer.files)
    except (NotStorableError, RecursionError) as error:
        if needed:
            raise NotStorableError(f"a later step refers to this step's result, but {error}") from None
        return Encoded(json.dumps({TAG: "text", "v": _shown(value)}), {})


def decode(text: str, files: Mapping[str, Content] = {}, *, keep_unknown: bool = False,
           classes: Mapping[str, type] = {}) -> Any:  # fmt: skip
    """Read what `encode` or `encode_result` wrote; raises `ValueError` for anything else.

    `classes` are those of `classes_in`, for a process that need not have imported them. With `keep_unknown`, an
    `UnknownValue` stands for what a codec wrote that is not registered. Raises `StoreError` for a file that cannot be
    read.
    """
    try:
        return _Reader(files, keep_unknown, classes).read(json.loads(text))
    except RecursionError:
        raise ValueError(f"a stored value is nested more than {DEEPEST} levels deep") from None


def _text(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, as in a file's name that could not be decoded
        return json.dumps(data, separators=(",", ":"))
    return text


def _shown(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # a result whose own repr raises is still a result
        return f"<{type(value).__name__}>"


class _Writer:
    """Writes one value as what JSON takes."""

    def __init__(self, largest: int | None) -> None:
        self.files: dict[str, bytes] = {}
        self._left = largest  #: bytes from codecs that may still be in the text
        self._codec: Codec | None = None  #: whose bytes may go to a file
        self._room = DEEPEST  #: how many further levels fit

    def whole(self, value: Any) -> Any:
        """The value as data; the traceback of a refusal does not show all levels."""
        try:
            return self.write(value, "the value")
        except NotStorableError as error:
            raise NotStorableError(str(error)) from error.__cause__
        except RecursionError:
            raise
        except Exception as error:  # whatever a user's object raises when it is looked at
            raise NotStorableError(f"a part of the value cannot be read: {type(error).__name__}: {error}") from error

    def write(self, value: Any, where: str) -> Any:
        kind = type(value)
        if value is None or kind in (str, bool):
            return value
        if kind is int:
            return value if value.bit_length() < DECIMAL_BITS else _tagged("int", hex(value))
        if kind is float:
            return value if math.isfinite(value) else _tagged("float", repr(value))
        if kind is list or kind is dict:
            self._enter()
            if kind is list:
                made: Any = [self.write(item, f"{where}[{i}]") for i, item in enumerate(value)]
            else:
                made = self._of_mapping(value, where)
            self._room += 1
            return made
        if kind in _writers:
            if kind is time and value.tzinfo is not None and value.utcoffset() is None:
                raise NotStorableError(
                    f"{where} is a time in {value.tzinfo}, whose offset depends on the date; return a datetime, or the "
                    "name of the zone beside the time"
                )
            if kind is bytes and self._codec is not None and self._is_too_large(len(value)):
                return self._file(value, self._codec.suffix)
            tag, write = _writers[kind]
            return _tagged(tag, write(value))
        return self._other(value, where)

    def _enter(self) -> None:
        """Go one level deeper."""
        if not self._room:
            raise NotStorableError(f"the value is nested more than {DEEPEST} levels deep, or contains itself")
        self._room -= 1

    def _of_mapping(self, value: Mapping[Any, Any], where: str) -> Any:
        if all(type(key) is str for key in value) and TAG not in value:
            return {key: self.write(item, f"{where}[{key!r}]") for key, item in value.items()}
        pairs = [[self.write(k, f"a key of {where}"), self.write(v, f"{where}[{k!r}]")] for k, v in value.items()]
        return _tagged("dict", pairs)

    def _other(self, value: Any, where: str) -> Any:
        if (codec := _codec_of(type(value), where)) is not None:
            return self._coded(value, codec, where)
        if isinstance(value, Enum):
            if isinstance(value, Flag):
                return _tagged("flag", [_class_name(type(value), where), value.value])
            return _tagged("enum", [_class_name(type(value), where), value.name])
        if is_record(type(value)):
            self._enter()
            parts = {name: self.write(getattr(value, name), f"{where}.{name}") for name in _field_names(value)}
            self._room += 1
            return _tagged("dataclass", [_class_name(type(value), where), parts])
        if isinstance(value, PurePath):
            return _tagged("path", str(value))
        if type(value) in (set, frozenset, tuple):
            self._enter()
            items = [self.write(item, f"an item of {where}") for item in value]
            self._room += 1
            return _tagged(type(value).__name__, items)
        raise NotStorableError(
            f"{where} is of type {type(value).__module__}.{type(value).__qualname__}, which has no codec; return "
            "something else, or register a codec for it"
        )

    def _coded(self, value: Any, codec: Codec, where: str) -> Any:
        try:
            made = codec.encode(value)
        except NotStorableError as error:
            raise NotStorableError(f"{where} cannot be stored: {error}") from None
        except ImportError as error:
            raise NotStorableError(f"{where}: {missing_library(codec.name, error)}") from None
        except Exception as error:  # whatever a user's function raises
            said = f"{type(error).__name__}: {error}"
            raise NotStorableError(f"{where} cannot be written by codec {codec.name!r}: {said}") from error
        around, self._codec = self._codec, codec
        self._enter()
        try:
            written = self.write(made, f"what codec {codec.name!r} made of {where}")
        finally:
            self._codec = around
        self._room += 1
        return _tagged("codec", [codec.name, codec.described(value), written])

    def _is_too_large(self, size: int) -> bool:
        """Whether so many bytes have no room in the text; takes the room if they do."""
        if self._left is None:
            return False
        if size > self._left:
            return True
        self._left -= size
        return False

    def _file(self, content: bytes, suffix: str) -> Any:
        name = sha256(content).hexdigest()[:DIGITS] + suffix
        self.files[name] = content
        return _tagged("file", [name, len(content)])


def _codec_of(cls: type, where: str) -> Codec | None:
    try:
        return codec_of(cls)
    except ValueError as error:
        raise NotStorableError(f"{where}: {error}") from None


def _field_names(value: Any) -> Sequence[str]:
    return [f.name for f in fields(value) if f.init] if is_dataclass(value) else value.__struct_fields__


def _tagged(tag: str, value: Any) -> dict[str, Any]:
    return {TAG: tag, "v": value}


class _Reader:
    """Reads one value; `files` and `classes` are those that it may speak of."""

    def __init__(self, files: Mapping[str, Content], keep_unknown: bool, classes: Mapping[str, type]) -> None:
        self._files = files
        self._keep_unknown = keep_unknown
        self._classes = classes

    def read(self, data: Any) -> Any:
        if isinstance(data, list):
            return [self.read(item) for item in data]
        if not isinstance(data, dict):
            return data
        if TAG not in data:
            return {key: self.read(item) for key, item in data.items()}
        tag = data[TAG]
        try:
            nested = _nested.get(tag)
            return _readers[tag](data["v"]) if nested is None else nested(self, data["v"])
        except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"not a stored value: {str(data)[:80]} ({error})") from None

    def class_named(self, name: str, base: type) -> Any:
        return self._classes.get(name) or class_named(name, base)

    def record(self, parts: Any) -> Any:
        name, fields = parts
        cls, values = self.class_named(name, object), {key: self.read(item) for key, item in fields.items()}
        try:
            return cls(**values)
        except Exception as error:  # whatever a user's class raises
            raise ValueError(f"no object of class {name} can be made of it: {type(error).__name__}: {error}") from error

    def coded(self, parts: Any) -> Any:
        name, text, written = parts
        try:
            codec = codec_named(name)
        except UnknownCodecError:
            if not self._keep_unknown:
                raise
            return UnknownValue(name, text, self.read(written))
        made = self.read(written)
        try:
            return codec.decode(made)
        except ImportError as error:
            raise missing_library(name, error) from None
        except Exception as error:  # whatever a user's function raises
            said = f"{type(error).__name__}: {error}"
            raise ValueError(f"codec {name!r} cannot read what it wrote: {said}") from error

    def file(self, parts: Any) -> bytes:
        name, _ = parts
        found = self._files[name]
        content = _content(found) if isinstance(found, Path) else found
        if sha256(content).hexdigest()[:DIGITS] != name[:DIGITS]:
            raise StoreError(f"its file {found if isinstance(found, Path) else name} is damaged; {REMEDY}")
        return content


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StoreError(f"its file {file} cannot be read: {error.strerror or error}; {REMEDY}") from error


_nested: dict[str, Callable[[_Reader, Any], Any]] = {
    "tuple": lambda reader, v: tuple(reader.read(item) for item in v),
    "list": lambda reader, v: [reader.read(item) for item in v],
    "set": lambda reader, v: {reader.read(item) for item in v},
    "frozenset": lambda reader, v: frozenset(reader.read(item) for item in v),
    "dict": lambda reader, v: {reader.read(key): reader.read(item) for key, item in v},
    "dataclass": _Reader.record,
    "enum": lambda reader, v: reader.class_named(v[0], Enum)[v[1]],
    "flag": lambda reader, v: reader.class_named(v[0], Flag)(v[1]),
    "codec": _Reader.coded,
    "file": _Reader.file,
}


def is_coded(text: str) -> bool:
    """Whether a codec may be needed to read the text."""
    return CODED in text


def files_in(text: str) -> list[str]:
    """The names of the files that a stored value speaks of; raises `ValueError` for one that no codec gave."""
    names = [first for _, first in _tagged_in(json.loads(text), {"file"})] if FILED in text else []
    if wrong := [str(name)[:80] for name in names if not isinstance(name, str) or not FILE_NAME.fullmatch(name)]:
        raise ValueError(f"not a stored value: it has a file {wrong[0]}")
    return names


def classes_in(text: str) -> dict[str, type]:
    """The classes that a stored value names, by these names, as far as this process has imported them."""
    found: dict[str, type] = {}
    if any(f'{{"{TAG}":"{tag}"' in text for tag in BASES):
        for tag, name in _tagged_in(json.loads(text), BASES):
            if isinstance(name, str) and name not in found:
                with suppress(ValueError):
                    found[name] = class_named(name, BASES[tag])
    return found


def _tagged_in(data: Any, tags: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The parts of a stored value that have one of the tags: each tag, and the first of what it tags."""
    if isinstance(data, list):
        for item in data:
            yield from _tagged_in(item, tags)
    elif isinstance(data, dict):
        if isinstance(tag := data.get(TAG), str) and tag in tags:
            parts = data.get("v")
            yield tag, parts[0] if isinstance(parts, list) and parts else None
        for item in data.values():
            yield from _tagged_in(item, tags)


def _class_name(cls: type, where: str) -> str:
    if "<locals>" in cls.__qualname__:
        raise NotStorableError(
            f"{where} is of class {cls.__qualname__}, which cannot be found by that name; "
            "define it at the top level of a module"
        )
    return f"{cls.__module__}:{cls.__qualname__}"
