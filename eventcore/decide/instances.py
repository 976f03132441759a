"""The instances in a run's history: which of them belong together, and in which order the iterations of loops came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eventcore.decide.archive import Archive
from eventcore.decide.loop_keys import keys_in
from eventcore.decide.plan import Plan
from eventcore.define.sequence import enclosing

Key = tuple[str, str]


class Instances:
    """Finds the sequences of one scope that belong together with a sequence of another."""

    def __init__(self, plan: Plan, archive: Archive, known: Iterable[Key]) -> None:
        self._plan = plan
        self._archive = archive
        self._depths = {scope: plan.depth(scope) for scope in plan.scopes}
        self._below: dict[Key, list[str]] = {}  #: the sequences of a scope, by the scope and one that encloses them
        self._keys: dict[Key, list[str] | None] = {}  #: of a mapping, by the scope of its loop and the loop's sequence
        self._numbers: dict[Key, dict[str, int]] = {}
        self._from: dict[tuple[str, str, str], int] = {}  #: behind which iteration all is said to be later, by who asks
        self._all: set[str] = set()  #: all sequences and those around them: a loop ends where its iterations do
        for scope, sequence in dict.fromkeys((plan.steps[name].place.scope, sequence) for name, sequence in known):
            self._all.add(sequence)
            for around in enclosing(sequence):
                self._all.add(around)
                self._below.setdefault((scope, around), []).append(sequence)

    def moved(self, sequence: str, source: str, target: str) -> Iterable[str]:
        """The sequences of the target scope that belong together with one of the source."""
        scope: str | None = source
        around = {target, *self._outside(target)}
        while scope is not None and scope not in around:
            sequence, scope = sequence.rpartition(".")[0], self._plan.scopes[scope].parent
        return (sequence,) if scope == target else self._below.get((target, sequence), ())

    def later(self, sequence: str, loop: str, back: int) -> str | None:
        """The sequence in the iteration of a loop that comes `back` iterations later; None where there is none."""
        keys, depth = sequence.split("."), self._depths[loop]
        number = self._number(loop, keys) + back
        known = self._known(loop, ".".join(keys[:depth]))
        if known is None:
            keys[depth] = str(number)
        elif number <= len(known):
            keys[depth] = known[number - 1]
        else:
            return None
        return ".".join(keys) if ".".join(keys[: depth + 1]) in self._all else None

    def behind(self, sequence: str, loop: str, asker: str, target: str) -> Iterator[str]:
        """The sequences of the target scope in all later iterations of a loop, each once for whoever asks."""
        keys, depth = sequence.split("."), self._depths[loop]
        around = ".".join(keys[:depth])
        number = self._number(loop, keys)
        before = self._from.get((asker, loop, around))
        if before is not None and before <= number:
            return
        self._from[asker, loop, around] = number
        for one in self._below.get((target, around), ()):
            if number < self._number(loop, one.split(".")):
                yield one

    def _outside(self, scope: str) -> Iterator[str]:
        parent = self._plan.scopes[scope].parent
        while parent is not None:
            yield parent
            parent = self._plan.scopes[parent].parent

    def _number(self, loop: str, keys: list[str]) -> int:
        """Which iteration of the loop a sequence, given as its keys, is in."""
        depth = self._depths[loop]
        around, key = ".".join(keys[:depth]), keys[depth]
        known = self._known(loop, around)
        if known is None:
            return int(key) if key.isascii() and key.isdigit() else 0  # of a mapping that the loop is no more
        return self._numbers[loop, around].get(key, 0)

    def _known(self, loop: str, around: str) -> list[str] | None:
        """The keys of a mapping, in their order; None for a loop whose iterations are numbered."""
        place = loop, around
        if place not in self._keys:
            walked = self._plan.container_of[loop].loop
            items = "" if walked is None or walked.items is None else walked.items
            count = self._archive.item_count(items, around)
            is_mapping = count is not None and count.keyed
            keys = list(keys_in(self._archive.item_slices(items, around, 1))) if is_mapping else None
            self._keys[place] = keys
            self._numbers[place] = {key: number for number, key in enumerate(keys or (), 1)}
        return self._keys[place]
