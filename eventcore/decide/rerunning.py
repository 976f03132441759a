"""Reruns: a recovery over a history from which the instances to rerun are left out.

History itself stays. An instance is named by its path and perhaps its sequence; a container stands for everything
inside it, and `s0@1.2` for the second iteration of `s0` at `1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from eventcore.decide.archive import Archive
from eventcore.decide.dependents import SAME, dependents
from eventcore.decide.history import History, Only
from eventcore.decide.loop_keys import keys_in
from eventcore.decide.plan import Plan
from eventcore.define.sequence import enclosing, is_at
from eventcore.define.suggestions import no_instance, no_step
from eventcore.errors import ProgramError

Key = tuple[str, str]
Extent = Literal["also", "downstream", "only"]


class Rerun(msgspec.Struct, frozen=True):
    """What is to run again.

    `extent` says what else runs: `also`, what recovery would run anyway; `downstream`, that and what depends on the
    wanted instances; `only`, nothing.
    """

    path: str
    sequence: str | None = None
    extent: Extent = "also"


def amended(plan: Plan, history: History, archive: Archive, rerun: Rerun) -> History:
    """The history to recover with; raises `ProgramError` where it has no such instance."""
    wanted = set(_named(plan, history, rerun))
    paths = list(dict.fromkeys(step.path for step in plan.steps.values() if not step.is_hidden))
    if rerun.path not in paths:
        raise ProgramError(no_step(rerun.path, paths))
    if not wanted:
        own = {step.name for step in plan.steps.values() if step.path == rerun.path}
        every = [sequence for name, sequence in history.tasks if name in own]
        raise ProgramError(no_instance(rerun.path, rerun.sequence, list(dict.fromkeys(every))))
    left_out = wanted | set(_around(plan, wanted))
    if rerun.extent == "downstream":
        left_out |= set(_downstream(plan, history, archive, wanted))
    tasks = {key: past for key, past in history.tasks.items() if key not in left_out}
    emitted = {key: value for key, value in history.emitted.items()
               if (plan.emitters.get(key[0]), key[1]) not in left_out}  # fmt: skip
    only = _only(plan, rerun) if rerun.extent == "only" else None
    return msgspec.structs.replace(history, tasks=tasks, emitted=emitted, same_program=False, only=only)


def _only(plan: Plan, rerun: Rerun) -> Only:
    """What runs where nothing else does, instances that there have not been yet included."""
    steps = [plan.steps[name] for name in _steps(plan, rerun)]
    around: set[str] = {step.name for step in steps if step.is_container}
    for step in steps:
        container = plan.container_of.get(step.place.scope)
        while container is not None and container.name not in around:
            around.add(container.name)
            container = plan.container_of.get(container.place.scope)
    return Only(frozenset(step.name for step in steps), frozenset(around), rerun.sequence)


def _steps(plan: Plan, rerun: Rerun) -> set[str]:
    """The steps of the path, and those inside them."""
    own = [step for step in plan.steps.values() if step.path == rerun.path]
    return {step.name for outer in own for step in (outer, *plan.inside(outer))}


def _named(plan: Plan, history: History, rerun: Rerun) -> Iterator[Key]:
    names = _steps(plan, rerun)
    for name, sequence in history.tasks:
        if name in names and (rerun.sequence is None or is_at(sequence, rerun.sequence)):
            yield name, sequence


def _around(plan: Plan, wanted: Iterable[Key]) -> Iterator[Key]:
    """The containers around the wanted instances: they are walked again, their other steps judged as ever."""
    for name, sequence in wanted:
        container = plan.container_of.get(plan.steps[name].place.scope)
        while container is not None:
            sequence = sequence.rpartition(".")[0]
            yield container.name, sequence
            container = plan.container_of.get(container.place.scope)


def _downstream(plan: Plan, history: History, archive: Archive, wanted: Iterable[Key]) -> Iterator[Key]:
    """The instances of steps that follow from the wanted ones, at sequences that belong together with theirs."""
    names = {name for name, _ in wanted}
    sequences = {sequence for _, sequence in wanted}
    around = sequences.union(*map(enclosing, sequences))
    order = _Order(plan, archive, sequences)
    following = dependents(plan, names)
    for name, sequence in history.tasks:
        ways = following.get(name, ())
        belongs = sequence in around or not sequences.isdisjoint(enclosing(sequence))
        if any(belongs if way == SAME else order.is_later(way, sequence) for way in ways):
            yield name, sequence


class _Order:
    """In which order the iterations of loops come, seen from the wanted sequences."""

    def __init__(self, plan: Plan, archive: Archive, wanted: Iterable[str]) -> None:
        self._plan = plan
        self._archive = archive
        self._wanted = wanted
        self._first: dict[str, dict[str, int]] = {}  #: the number of the first wanted iteration, by scope and instance
        self._numbers: dict[Key, dict[str, int]] = {}  #: of a mapping's keys

    def is_later(self, scope: str, sequence: str) -> bool:
        """Whether the sequence is in an iteration of the scope behind a wanted one of the same loop."""
        if scope not in self._first:
            first = self._first[scope] = {}
            for one in self._wanted:
                if (place := self._place(scope, one)) is not None:
                    first[place[0]] = min(place[1], first.get(*place))
        found = self._place(scope, sequence)
        return found is not None and found[1] > self._first[scope].get(found[0], found[1])

    def _place(self, scope: str, sequence: str) -> tuple[str, int] | None:
        """The loop's instance around a sequence, and the number of its iteration; None where it is in none."""
        keys, depth = sequence.split("."), self._plan.depth(scope)
        if len(keys) <= depth:
            return None
        instance, key = ".".join(keys[:depth]), keys[depth]
        numbers = self._numbers_of(scope, instance)
        is_number = not numbers and key.isascii() and key.isdigit()
        return instance, int(key) if is_number else numbers.get(key, 0)

    def _numbers_of(self, scope: str, instance: str) -> Mapping[str, int]:
        place = scope, instance
        if place not in self._numbers:
            loop = self._plan.container_of[scope].loop
            items = "" if loop is None or loop.items is None else loop.items
            count = self._archive.item_count(items, instance)
            keys = keys_in(self._archive.item_slices(items, instance, 1)) if count is not None and count.keyed else ()
            self._numbers[place] = {key: number for number, key in enumerate(keys, 1)}
        return self._numbers[place]
