"""Reruns: a recovery over a history from which the instances to rerun are left out.

History itself stays. An instance is named by its path and perhaps its sequence; a container stands for everything
inside it, and `s0@1.2` for the second iteration of `s0` at `1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from eventcore.decide.archive import Archive
from eventcore.decide.dependents import dependents
from eventcore.decide.history import History, Only
from eventcore.decide.instances import Key
from eventcore.decide.plan import Plan
from eventcore.define.sequence import is_at
from eventcore.define.suggestions import no_instance, no_step
from eventcore.errors import ProgramError

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
        left_out |= dependents(plan, archive, history.tasks, wanted)
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
