"""The items of loops, read from their record slice by slice as iterations ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from eventcore.decide.archive import ItemCount
from eventcore.decide.loops import keys_in
from eventcore.define.program import Loop, Slice
from eventcore.define.sealed import values_or_sealed


class ItemRecord(Protocol):
    """The items as recorded."""

    def item_count(self, step: str, sequence: str) -> ItemCount | None:
        """How many items the step computed at the sequence, and whether they have keys."""

    def loop_size(self, step: str, sequence: str) -> int:
        """How many items the container's loop has so far."""

    def item_slices(self, step: str, sequence: str, first: int) -> Iterator[Slice]:
        """The items that the step computed, from the slice that has number `first`."""

    def iteration_number(self, scope: str, sequence: str) -> int | None:
        """Which iteration of its loop stands at the sequence, from 1."""


class _Read(msgspec.Struct, frozen=True):
    """One slice, read."""

    first: int
    values: list[Any]
    places: Mapping[str, int] | None  #: by key, where the loop is a mapping

    def place(self, key: str) -> int:
        """The index of the key's item in the slice; an index outside of it if the slice does not have the item."""
        return int(key) - self.first if self.places is None else self.places.get(key, -1)


class LoopItems:
    """Reads items; the slices that were read last are kept."""

    KEPT = 32

    def __init__(self, record: ItemRecord) -> None:
        self._record = record
        self._slices: dict[tuple[str, str, int], _Read] = {}
        self._latest: dict[tuple[str, str], _Read] = {}

    def value(self, loop: Loop, sequence: str, key: str) -> Any:
        """The item of the iteration with this key, sealed if a codec is needed to read it."""
        latest = self._latest.get((loop.scope.name, sequence))
        if latest is not None and 0 <= (place := latest.place(key)) < len(latest.values):
            return latest.values[place]
        part = self._with(loop, sequence, key)
        return part.values[part.place(key)]

    def keys(self, loop: Loop, sequence: str) -> tuple[list[str], bool]:
        """All keys of a loop, and whether they are those of a mapping."""
        items = loop.items or ""
        count = self._record.item_count(items, sequence)
        if count is None:
            return [], False
        if not count.keyed:
            return [str(number) for number in range(1, count.size + 1)], False
        return list(keys_in(self._record.item_slices(items, sequence, 1))), True

    def _with(self, loop: Loop, sequence: str, key: str) -> _Read:
        """The slice that has the key's item."""
        scope = loop.scope.name
        for (name, at, _), part in self._slices.items():
            if (name, at) == (scope, sequence) and 0 <= part.place(key) < len(part.values):
                self._latest[scope, sequence] = part
                return part
        number = self._record.iteration_number(scope, f"{sequence}.{key}")
        found = next(self._record.item_slices(loop.items or "", sequence, number or int(key)))
        keys = None if found.keys is None else {k: place for place, k in enumerate(json.loads(found.keys))}
        while len(self._slices) >= self.KEPT:
            oldest = next(iter(self._slices))
            if self._latest.get(oldest[:2]) is self._slices[oldest]:
                del self._latest[oldest[:2]]
            del self._slices[oldest]
        part = _Read(found.first, values_or_sealed(found.values, f"an item of loop {loop.scope.name!r}"), keys)
        self._slices[scope, sequence, found.first] = self._latest[scope, sequence] = part
        return part
