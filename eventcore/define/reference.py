"""References: stand-ins among a step's arguments for values that are known only when the step starts."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, Protocol, TypeAlias

import msgspec

from eventcore.define.resident import Resident

LoopKeys: TypeAlias = tuple[list[str], bool]  #: of all iterations, and whether they are those of a mapping


class Lookup(Protocol):
    """What a reference may ask of the run."""

    def result(self, step: str, sequence: str) -> Any:
        """The recorded result of a step at a sequence, None where it has none."""

    def value(self, event: str, sequence: str) -> Any:
        """The value with which a step emitted an event at a sequence, None where it did not."""

    def item(self, container: str, sequence: str, key: str) -> Any:
        """The item of one iteration of a container's loop; the caller must not change it."""

    def size(self, container: str, sequence: str) -> int:
        """How many items of a container's loop are recorded."""

    def keys(self, container: str, sequence: str) -> LoopKeys:
        """The keys of all iterations of a container's loop, and whether they are those of a mapping."""

    def results_in(self, step: str, around: str) -> Mapping[str, Any]:
        """The recorded results of a step at all sequences inside the sequence `around`, by sequence."""

    def keys_in(self, container: str, around: str) -> Mapping[str, LoopKeys]:
        """What `keys` has for the container's loop at `around` and inside it, by sequence, where it was computed."""

    def key_before(self, container: str, sequence: str, key: str, back: int) -> str | None:
        """The key of the iteration `back` iterations before the one with this key; None where there is none."""


class Reference(Resident):
    """Base of references; the engine calls `resolve` when the step that has it among its arguments starts."""

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """The value for an instance at `sequence`."""
        raise NotImplementedError

    def _why_resident(self) -> str:
        return (
            f"{self!r} stands for a value, and is not found where it is; put it among the arguments themselves, or "
            "into a list, tuple, set, dict, dataclass or struct there"
        )


_ATOMS = frozenset((str, int, float, bool, bytes, NoneType))


def references_in(value: Any) -> Iterator[Reference]:
    """The references in `value`, and in what it is made of: lists, tuples, sets, mappings, dataclasses and structs."""
    waiting, seen = [value], set[int]()
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind in _ATOMS:
            continue
        if isinstance(value, Reference):
            yield value
            continue
        parts = _parts(value, kind)
        if parts and id(value) not in seen:
            if kind is not tuple:
                seen.add(id(value))  # only these can contain themselves
            waiting.extend(reversed(parts))


def _parts(value: Any, kind: type) -> Sequence[Any]:
    if kind is tuple or kind is list:
        return value  # type: ignore[no-any-return]
    if kind is dict:
        return [*value, *value.values()]
    if kind is set or kind is frozenset or _is_named_tuple(kind):
        return list(value)
    return [getattr(value, name, None) for name in _fields(value)]


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_make")


def _fields(value: Any) -> Sequence[str]:
    """The fields of a dataclass or of a struct; none of anything else."""
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    return [field.name for field in fields(value)] if is_dataclass(value) and not isinstance(value, type) else ()


def has_references(value: Any) -> bool:
    """Whether there are references in `value`."""
    return next(references_in(value), None) is not None


def mapped(value: Any, replace: Callable[[Reference], Any]) -> Any:
    """`value` with each reference in it replaced by what `replace` returns for it.

    Dataclasses and structs with references are copied without being initialized again; those without stay themselves.
    """
    return _mapped(value, replace, {})


def _mapped(value: Any, replace: Callable[[Reference], Any], made: dict[int, Any]) -> Any:
    kind = type(value)
    if kind in _ATOMS:
        return value
    if isinstance(value, Reference):
        return replace(value)
    if kind is tuple or kind is list:
        return kind(_mapped(item, replace, made) for item in value)
    if kind is dict:
        return {_mapped(key, replace, made): _mapped(item, replace, made) for key, item in value.items()}
    if id(value) in made:
        return made[id(value)]
    if not has_references(value):
        return value
    if not (names := _fields(value)):
        return getattr(kind, "_make", kind)(_mapped(item, replace, made) for item in value)
    copied = made[id(value)] = copy.copy(value)
    put = msgspec.structs.force_setattr if isinstance(value, msgspec.Struct) else object.__setattr__
    for name in names:
        if hasattr(value, name):
            put(copied, name, _mapped(getattr(value, name), replace, made))
    return copied


def resolved(value: Any, lookup: Lookup, sequence: str) -> Any:
    """`value` with its references resolved."""
    return mapped(value, lambda reference: reference.resolve(lookup, sequence))
