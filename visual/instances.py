"""Instances as users recognize them: with the items of the loops that they stand in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from eventcore.define.plain import plain
from eventcore.define.stored import StoredStep
from eventcore.record.reading import Reader
from eventcore.record.views import RunView, SliceView
from visual.values import shown_value

ITEM = 40  #: characters of an item in a line
BESIDE = 20  #: characters of an item that is shown beside its key
KEPT = 20  #: slices of items that are kept

Place = tuple[str, str, int]


class Instances:
    """Names the instances of one run; reads the items that it needs, and keeps some."""

    def __init__(self, reader: Reader, run: RunView) -> None:
        self._reader = reader
        self._run = run
        self._program = reader.program(run)
        self._slices: dict[Place, list[SliceView]] = {}

    def name(self, step: str, sequence: str, recovery: int | None = None) -> str:
        """An instance of a kernel step as `load@1.2.2 [orders, 2026-11-02]`, a setup as `days@1, setup`."""
        known = self._program.step_named.get(step)
        part = f", {known.role.part}" if known is not None and known.role.part else ""
        return f"{plain(step if known is None else known.path)}@{self.at(step, sequence, recovery)}{part}"

    def at(self, step: str, sequence: str, recovery: int | None = None) -> str:
        """The sequence, followed by the items: `1.2.2 [orders, 2026-11-02]`.

        For those of mappings their keys are shown, and short items beside them: `1.rome.1 [rome: 41.9, mon]`.
        """
        items = [_named(key, item) for key, item in self._iterations(step, sequence, recovery)]
        return f"{plain(sequence)} [{', '.join(items)}]" if items else plain(sequence)

    def items(self, step: str, sequence: str, recovery: int | None = None) -> list[Any]:
        """The items of the loops around an instance in a recovery, the outermost first, as the store keeps them.

        An item that is not known is left out, such as that of an iteration whose loop was computed anew with fewer.
        """
        return [item for _, item in self._iterations(step, sequence, recovery)]

    def _iterations(self, step: str, sequence: str, recovery: int | None) -> Iterator[tuple[str | None, Any]]:
        """The items of the loops around an instance, with the keys of those that come from mappings."""
        keys = sequence.split(".")
        upto = self._run.recovery if recovery is None else recovery
        for depth, container in enumerate(self._around(step), 1):
            computing = self._program.items_of.get(container.name)
            if computing is not None and depth < len(keys):
                place = computing, ".".join(keys[:depth]), upto
                yield from self._item(place, container.inside or "", keys[depth])

    def _around(self, step: str) -> list[StoredStep]:
        """The containers around a step, the outermost first."""
        known = self._program.step_named.get(step)
        return [] if known is None else self._containers[known.scope]

    @cached_property
    def _containers(self) -> dict[str, list[StoredStep]]:
        """The containers around what is in each scope."""
        found: dict[str, list[StoredStep]] = {}
        for scope in self._program.scopes:  # each stands behind its parent
            container = self._program.container_of.get(scope.name)
            found[scope.name] = [] if container is None else [*found[container.scope], container]
        return found

    def key_at(self, container: StoredStep, sequence: str, number: int) -> str:
        """The key of one iteration of a container's instance, by its number from 1."""
        computing = self._program.items_of.get(container.name, "")
        found = self._reader.item_slice(self._run, computing, sequence, number, self._run.recovery)
        return str(number) if found is None or found.keys is None else found.keys[number - found.first]

    def _item(self, place: Place, scope: str, key: str) -> Iterator[tuple[str | None, Any]]:
        """The item of the iteration with the key, if it is known; with the key where it comes from a mapping."""
        for part in self._slices.get(place, ()):
            if (number := _number(part, key)) is not None:
                yield key if part.keys is not None else None, part.values[number]
                return
        step, sequence, upto = place
        wanted = self._reader.iteration_number(self._run, scope, f"{sequence}.{key}")
        if wanted is None:
            wanted = int(key) if key.isascii() and key.isdigit() else 1
        found = self._reader.item_slice(self._run, step, sequence, wanted, upto)
        if found is None or (number := _number(found, key)) is None:
            return
        while len(self._slices) >= KEPT:
            del self._slices[next(iter(self._slices))]
        self._slices[place] = [found, *self._slices.pop(place, [])[:1]]
        yield key if found.keys is not None else None, found.values[number]


def _number(part: SliceView, key: str) -> int | None:
    """The place of the key's item in a slice; None where it is not in it."""
    if part.keys is not None:
        return part.keys.index(key) if key in part.keys else None
    number = int(key) - part.first if key.isascii() and key.isdigit() else -1
    return number if 0 <= number < len(part.values) else None


def _named(key: str | None, item: Any) -> str:
    shown = _shown(item)
    if key is None:
        return shown
    named = _cut(plain(key))
    return f"{named}: {shown}" if shown and len(shown) <= BESIDE else named


def _shown(item: Any) -> str:
    text = item if isinstance(item, str) else shown_value(json.dumps(item, ensure_ascii=False), ITEM)
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 2 * ITEM]).split())
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= ITEM else f"{text[:ITEM]}..."
