"""Functions of a notebook's cells: which of them changed between two runs, and which a flow has in an older form."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from types import CodeType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any

from eventcore.define.program import Program
from eventcore.define.stored import Digest

HERE = "__main__"
PLAIN = (str, float, complex, bool, bytes, NoneType)


def code_of(function: Callable[..., Any] | None) -> str | None:
    """A digest of a function that is defined in a cell, and of all that it uses of the notebook; else None.

    It covers code, but not where that stands nor its comments: of the functions and classes that the function calls,
    too, and of the plain values that it reads, such as a number. Data such as a table is not looked at.
    """
    if function is None or not any(_is_here(part) for part in _parts(function)):
        return None
    digest, seen = sha256(), set[int]()
    for text in (text for part in _parts(function) for text in _texts(part, seen)):
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]


def each_once() -> Digest:
    """`code_of`, for one look at a program: many steps may have the same function."""
    known = dict[int, str | None]()

    def digest(function: Callable[..., Any] | None) -> str | None:
        if id(function) not in known:
            known[id(function)] = code_of(function)
        return known[id(function)]

    return digest


def outdated(program: Program) -> list[str]:
    """The paths of the steps whose function has been redefined, and differently, since the step was added."""
    return list(dict.fromkeys(step.path for step in program.steps.values() if _is_outdated(step.func)))


def _is_outdated(function: object) -> bool:
    if type(function) is not FunctionType or function.__module__ != HERE:
        return False
    present = vars(sys.modules[HERE]).get(function.__qualname__)
    present = getattr(present, "__wrapped__", present)
    is_other = type(present) is FunctionType and present.__module__ == HERE and present is not function
    return is_other and code_of(present) != code_of(function)


def _parts(function: object) -> Iterator[object]:
    """What may be defined in a cell: the function itself, or what it wraps; of an object, its class and attributes."""
    while True:
        if type(function) is partial:
            function = function.func
        elif type(function) is MethodType:
            function = function.__func__
        else:
            break
    yield function
    if type(function) is not FunctionType and not issubclass(type(function), type):
        yield type(function)
        with suppress(AttributeError):  # it has no attributes of its own
            yield from object.__getattribute__(function, "__dict__").values()


def _is_here(value: object) -> bool:
    is_named = type(value) is FunctionType or issubclass(type(value), type)
    return is_named and getattr(value, "__module__", None) == HERE


def _texts(value: object, seen: set[int]) -> Iterator[str]:
    """What tells one version of a value from another.

    Types are asked for with `type`: an object that stands for another one may not be ready to say what it is.
    """
    if type(value) is int:
        yield hex(value)  # Python refuses to write very large ones in decimal
    elif type(value) in PLAIN:
        yield repr(value)
    elif type(value) is tuple or type(value) is frozenset:
        parts = ["".join(_texts(part, seen)) for part in value]
        yield from sorted(parts) if type(value) is frozenset else parts
    elif id(value) in seen:
        return
    else:
        seen.add(id(value))
        yield from _texts_of_object(value, seen)


def _texts_of_object(value: object, seen: set[int]) -> Iterator[str]:
    if type(value) is partial:
        yield from _texts(value.func, seen)
    elif type(value) is MethodType:
        yield from _texts(value.__func__, seen)
    elif type(value) is CodeType:
        yield from _texts_of_code(value, seen)
    elif type(value) is FunctionType:
        yield f"{value.__module__}.{value.__qualname__}"
        if _is_here(value):
            yield from _texts_of_function(value, seen)
    elif issubclass(type(value), type):
        assert isinstance(value, type)
        yield f"{value.__module__}.{value.__qualname__}"
        if _is_here(value):
            yield from (text for base in value.__bases__ for text in _texts(base, seen))
            yield from _texts_of_members(vars(value), seen)
    elif type(value) is ModuleType:
        yield value.__name__
    else:
        yield from _texts(type(value), seen)


def _texts_of_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield from _texts(function.__code__, seen)
    yield from _texts(function.__defaults__, seen)
    yield from _texts_of_members(function.__kwdefaults__ or {}, seen)
    for cell in function.__closure__ or ():
        try:
            yield from _texts(cell.cell_contents, seen)
        except ValueError:  # it is empty so far
            continue
    used = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    yield from _texts_of_members(used, seen)


def _texts_of_code(code: CodeType, seen: set[int]) -> Iterator[str]:
    yield code.co_code.hex()
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_consts):
        yield from _texts(names, seen)


def _texts_of_members(members: Mapping[str, object], seen: set[int]) -> Iterator[str]:
    """Functions and plain values by their names; what Python adds to a class by itself is left out."""
    for name, value in members.items():
        if name in ("__module__", "__qualname__", "__firstlineno__", "__dict__", "__weakref__"):
            continue
        yield name
        if type(value) is property:
            yield from (text for part in (value.fget, value.fset) for text in _texts(part, seen))
        else:
            is_method = type(value) is staticmethod or type(value) is classmethod
            yield from _texts(getattr(value, "__func__", None) if is_method else value, seen)


def _names(code: CodeType) -> Iterable[str]:
    """The names that code and the functions inside it use."""
    inner = (name for part in code.co_consts if isinstance(part, CodeType) for name in _names(part))
    return dict.fromkeys((*code.co_names, *inner))
