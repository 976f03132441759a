"""References: stand-ins among a step's arguments for values that are known only when the step starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol


class Lookup(Protocol):
    """What a reference may ask of the run."""

    def result(self, step: str, sequence: str) -> Any:
        """The recorded result of a step at a sequence, None where it has none."""

    def item(self, container: str, sequence: str, key: str) -> Any:
        """The item of one iteration of a container's loop; the caller must not change it."""

    def keys(self, container: str, sequence: str) -> tuple[list[str], bool]:
        """The keys of all iterations of a container's loop, and whether they are those of a mapping."""


class Reference:
    """Base of references; the engine calls `resolve` when the step that has it among its arguments starts."""

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """The value for an instance at `sequence`."""
        raise NotImplementedError


def references_in(value: Any) -> Iterator[Reference]:
    """The references in `value`, and in the lists, tuples and mappings it is made of."""
    if isinstance(value, Reference):
        yield value
    elif type(value) in (tuple, list):
        for item in value:
            yield from references_in(item)
    elif type(value) is dict:
        for item in value.values():
            yield from references_in(item)


def has_references(value: Any) -> bool:
    """Whether there are references in `value`."""
    return next(references_in(value), None) is not None


def mapped(value: Any, replace: Callable[[Reference], Any]) -> Any:
    """`value` with each reference in it replaced by what `replace` returns for it."""
    if isinstance(value, Reference):
        return replace(value)
    if type(value) in (tuple, list):
        return type(value)(mapped(item, replace) for item in value)
    if type(value) is dict:
        return {key: mapped(item, replace) for key, item in value.items()}
    return value


def resolved(value: Any, lookup: Lookup, sequence: str) -> Any:
    """`value` with its references resolved."""
    return mapped(value, lambda reference: reference.resolve(lookup, sequence))
