"""Codecs: how objects of a type that the store does not know become stored values, and stored values become objects.

`register_codec` is for users. The codecs of NumPy and pandas are in `numpy_codecs` and `pandas_codecs`; these files are
imported only for a value that is of such a type, when the library is there already, or for a stored one that is read.
A worker, which need not import what registered a codec, is offered the engine's codecs and loads those that it misses.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import msgspec

from eventcore.errors import ProgramError

S = TypeVar("S")
T = TypeVar("T")

LIBRARIES = {"numpy": "eventcore.define.numpy_codecs", "pandas": "eventcore.define.pandas_codecs"}
SHOWN = 100  #: characters of a value's text that are stored with it
_NAME = re.compile(r"[A-Za-z][\w.+-]{0,99}")
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")


class NotStorableError(TypeError):
    """The value has no form in JSON with tags; the message names the part and its type."""


class UnknownCodecError(ValueError):
    """A stored value was written by a codec that this process does not have."""


class Codec(msgspec.Struct, frozen=True):
    """How the objects of one class are stored."""

    cls: type
    name: str  #: what is stored of the codec
    encode: Callable[[Any], Any]  #: to bytes, or to anything else that can be stored
    decode: Callable[[Any], Any]
    suffix: str = ".bin"  #: of the file that large bytes go to
    describe: Callable[[Any], str] | None = None  #: None: its repr

    def described(self, value: Any) -> str:
        """The value in one short line, for readers that do not have the codec."""
        text = f"<{type(value).__name__}>"
        own_repr: Any = type(value).__repr__
        if self.describe is not None or own_repr is not object.__repr__:  # which tells an address
            with suppress(Exception):  # an object whose own repr raises can be stored all the same
                text = repr(value) if self.describe is None else self.describe(value)
        text = " ".join(text[: 2 * SHOWN].split())
        return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


class UnknownValue(msgspec.Struct, frozen=True):
    """Stands among results for a value whose codec is not registered in this process."""

    codec: str  #: the codec's name
    text: str  #: the value's `repr` when it was stored, shortened
    data: Any  #: what the codec's `encode` returned

    def __repr__(self) -> str:
        return f"<{self.text}: codec {self.codec!r} is not registered here>"


class Offer(NamedTuple):
    """A codec that can be loaded if it is needed."""

    name: str
    cls: str  #: the class, see `class_name`
    body: bytes  #: of which `load` makes the codec
    load: Callable[[bytes], Codec]


_by_class: dict[type, Codec] = {}
_by_name: dict[str, Codec] = {}
_offers: dict[str, Offer] = {}
_loaded: dict[str, Codec] = {}  #: those of the offers that were needed


def register_codec(
    cls: type[T], *, name: str, encode: Callable[[T], S], decode: Callable[[S], T], suffix: str = ".bin"
) -> None:
    """Have objects of exactly this class stored as results and items of loops, and read back.

    `encode` returns bytes or anything else that can be stored, also what has a codec of its own; `decode` gets the same
    and returns the object. The `name` is stored with each value, so it must not change; a class may be registered under
    several names, of which the last is used for writing. Bytes longer than `max_result_size` go to a file whose name
    has the `suffix`. Register at the top level of a module: each process that reads values needs the codec, and
    only worker processes get it from the engine. Raises `ProgramError` for a name that another class has, and for a
    class that is stored without a codec.

        seq.register_codec(Money, name="money", encode=lambda m: [m.cents, m.currency], decode=lambda v: Money(*v))
    """
    _check(cls, name, suffix)
    known = _by_name.get(name)
    if known is not None and not _is_same(known.cls, cls):
        raise ProgramError(f"codec {name!r}: class {class_name(known.cls)} has this name; choose another one")
    _add(Codec(cls, name, encode, decode, suffix))


def _check(cls: type, name: str, suffix: str) -> None:
    if not isinstance(cls, type):
        raise ProgramError(f"codec {name!r}: {cls!r} is not a class; give the class whose objects it writes")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.partition(".")[0] in LIBRARIES:
        raise ProgramError(
            f"invalid codec name {name!r}; use up to 100 letters, digits and the signs _ . + -, begin with a letter, "
            f"and not with {' or '.join(f'{root}.' for root in LIBRARIES)}"
        )
    if not isinstance(suffix, str) or not _SUFFIX.fullmatch(suffix):
        raise ProgramError(f"codec {name!r}: invalid suffix {suffix!r}; give a dot and up to 16 letters or digits")
    if cls.__module__ in ("builtins", "datetime", "decimal", "uuid"):
        raise ProgramError(
            f"codec {name!r}: class {cls.__qualname__} of module {cls.__module__} cannot have a codec; register a "
            "class of your own"
        )


def _is_same(known: type, cls: type) -> bool:
    """Whether they can be one class: that of a script is made anew under each name that the script is loaded by."""
    if known.__qualname__ != cls.__qualname__:
        return False
    modules = known.__module__, cls.__module__
    files = {getattr(sys.modules.get(module), "__file__", None) for module in modules}
    return "__main__" in modules or None in files or len(files) == 1


def _add(codec: Codec) -> None:
    _by_class[codec.cls] = _by_name[codec.name] = codec


def registered() -> Mapping[str, Codec]:
    """What users have registered in this process, by name."""
    return _by_name


def offer(offers: Iterable[Offer]) -> None:
    """Have these codecs loaded when they are needed and not registered, instead of others of the same names."""
    for offered in offers:
        known = _offers.get(offered.name)
        if known is not None and known.body != offered.body and offered.name in _loaded:
            old = _loaded.pop(offered.name)  # of another program, which used this process before
            if _by_class.get(old.cls) is old:
                del _by_class[old.cls]
            if _by_name.get(old.name) is old:
                del _by_name[old.name]
        _offers[offered.name] = offered


def class_name(cls: type) -> str:
    """The class as `module:qualified name`."""
    return f"{cls.__module__}:{cls.__qualname__}"


def codec_of(cls: type) -> Codec | None:
    """The codec that writes objects of the class, None where there is none."""
    found = _by_class.get(cls)
    if found is None and _offers:
        for offered in [o for o in _offers.values() if o.cls == class_name(cls)]:
            _load(offered)
        found = _by_class.get(cls)
    root = str(cls.__module__).partition(".")[0]
    if found is None and root in LIBRARIES:
        wanted: Callable[[type], Codec | None] = _library(root).codec_of
        return wanted(cls)
    return found


def codec_named(name: str) -> Codec:
    """The codec that wrote a stored value; raises `UnknownCodecError`, or `ValueError` if its library is missing."""
    root = name.partition(".")[0]
    if root in LIBRARIES:
        try:
            known: Mapping[str, Codec] = _library(root).BY_NAME
        except ImportError as error:
            raise missing_library(name, error) from None
        if name in known:
            return known[name]
    if name not in _by_name and name in _offers:
        _load(_offers[name])
    if name not in _by_name:
        raise UnknownCodecError(f"codec {name!r} is not registered here; import the module that registers it")
    return _by_name[name]


def missing_library(what: str, error: ImportError) -> ValueError:
    """That a value cannot be read because a library cannot be imported."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        library = error.name.partition(".")[0]
        return ValueError(f"it is a {what}, and {library} is not installed here; run: pip install {library}")
    return ValueError(f"it is a {what}, whose library cannot be imported here: {error}")


def _load(offered: Offer) -> None:
    try:
        codec = _loaded[offered.name] = offered.load(offered.body)
        _add(codec)
    except Exception as error:  # whatever importing a user's module raises
        raise ValueError(
            f"codec {offered.name!r} cannot be loaded in this process: {type(error).__name__}: {error}"
        ) from error


@cache
def _library(root: str) -> Any:
    return import_module(LIBRARIES[root])
