"""The items of loops, read from their record slice by slice as iterations ask for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from eventcore.decide.archive import ItemCount
from eventcore.decide.loop_keys import keys_in
from eventcore.define.reference import LoopKeys
from eventcore.define.scopes import Loop, Slice
from eventcore.define.sealed import values_or_sealed


class ItemRecord(Protocol):
    """The items as recorded."""

    def item_count(self, step: str, sequence: str) -> ItemCount | None:
        """How many items the step computed at the sequence, and whether they have keys."""

    def loop_size(self, step: str, sequence: str) -> int:
        """How many items the container's loop has so far."""

    def loop_sizes(self, step: str, around: str) -> Mapping[str, int]:
        """How many items the container's loops at `around` and inside it have so far, by sequence."""

    def item_slices(self, step: str, sequence: str, first: int) -> Iterator[Slice]:
        """The items that the step computed, from the slice that has number `first`."""

    def item_keys(self, step: str, around: str) -> Iterator[tuple[str, int, str | None]]:
        """The slices that the step computed at `around` and inside it: sequence, size, and keys as a JSON list.

        Those of one sequence follow each other in their order.
        """

    def iteration_number(self, scope: str, sequence: str) -> int | None:
        """Which iteration of its loop stands at the sequence, from 1."""


class _Read(msgspec.Struct, frozen=True):
    """One slice, read."""

    first: int
    values: list[Any]
    keys: list[str] | None  #: where the loop is a mapping
    places: Mapping[str, int] | None  #: of the keys

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

    def key_before(self, loop: Loop, sequence: str, key: str, back: int) -> str | None:
        """The key of the iteration `back` iterations before the one with this key; None where there is none."""
        part = self._with(loop, sequence, key)
        number = part.first + part.place(key) - back
        if number < 1:
            return None
        if part.keys is None:
            return str(number)
        if number < part.first:
            part = self._numbered(loop, sequence, number)
        assert part.keys is not None
        return part.keys[number - part.first]

    def keys(self, loop: Loop, sequence: str) -> LoopKeys:
        """All keys of a loop, and whether they are those of a mapping."""
        items = loop.items or ""
        count = self._record.item_count(items, sequence)
        if count is None:
            return [], False
        if not count.keyed:
            return [str(number) for number in range(1, count.size + 1)], False
        return list(keys_in(self._record.item_slices(items, sequence, 1))), True

    def keys_in(self, loop: Loop, around: str) -> dict[str, LoopKeys]:
        """What `keys` has at `around` and inside it, by sequence; one read for all."""
        found: dict[str, LoopKeys] = {}
        for sequence, size, text in self._record.item_keys(loop.items or "", around):
            keys, _ = found.setdefault(sequence, ([], text is not None))
            keys += map(str, range(len(keys) + 1, len(keys) + size + 1)) if text is None else json.loads(text)
        return found

    def _with(self, loop: Loop, sequence: str, key: str) -> _Read:
        """The slice that has the key's item."""
        scope = loop.scope.name
        for (name, at, _), part in self._slices.items():
            if (name, at) == (scope, sequence) and 0 <= part.place(key) < len(part.values):
                self._latest[scope, sequence] = part
                return part
        number = self._record.iteration_number(scope, f"{sequence}.{key}")
        return self._read(loop, sequence, number or int(key))

    def _numbered(self, loop: Loop, sequence: str, number: int) -> _Read:
        """The slice that has the item with this number."""
        for (name, at, first), part in self._slices.items():
            if (name, at) == (loop.scope.name, sequence) and first <= number < first + len(part.values):
                return part
        return self._read(loop, sequence, number)

    def _read(self, loop: Loop, sequence: str, number: int) -> _Read:
        scope = loop.scope.name
        found = next(self._record.item_slices(loop.items or "", sequence, number))
        keys = None if found.keys is None else json.loads(found.keys)
        places = None if keys is None else {key: place for place, key in enumerate(keys)}
        while len(self._slices) >= self.KEPT:
            oldest = next(iter(self._slices))
            if self._latest.get(oldest[:2]) is self._slices[oldest]:
                del self._latest[oldest[:2]]
            del self._slices[oldest]
        part = _Read(found.first, values_or_sealed(found.values, f"an item of loop {scope!r}"), keys, places)
        self._slices[scope, sequence, found.first] = self._latest[scope, sequence] = part
        return part
