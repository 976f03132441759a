"""A forecast of a recovery: the program is walked as a recovery walks it, but nothing runs.

It assumes that every step that would run succeeds at once and that every delay is over, so it covers what is reached if
nothing fails again; of what was reached before and is not then, it says what would become of it. A loop whose items are
recorded is taken to have these, also where it would be computed again. What is inside a loop that would be computed for
the first time stays unknown.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Mapping

import msgspec

from eventcore.decide import deferring, delays, recovery
from eventcore.decide.archive import Archive
from eventcore.decide.changes import Changes
from eventcore.decide.history import History, Past
from eventcore.decide.plan import Plan
from eventcore.decide.state import Limit, Task
from eventcore.decide.turn import Turn
from eventcore.define.outcome import Outcome
from eventcore.define.program import COMPUTING, Role
from eventcore.define.status import TaskStatus

NO_ITEMS = "[]"  #: as the step that computes a loop returns them


class StepForecast(msgspec.Struct):
    """What becomes of one step's instances."""

    again: list[tuple[str, TaskStatus]] = []  #: the sequence, and the status that the task had
    first: list[str] = []  #: sequences that no earlier recovery reached
    skipped: list[str] = []  #: sequences whose result is carried over
    again_if_reached: list[tuple[str, TaskStatus]] = []  #: not reached by the walk, and would run again
    skipped_if_reached: list[str] = []  #: not reached by the walk, and would be skipped
    is_left: bool = False  #: it will not run whatever happens, because only others are to run again

    @property
    def is_known(self) -> bool:
        """False for a step that the walk did not reach; it would run when it is reached, such as after a failure."""
        return bool(self.again or self.first or self.skipped)

    def reached(self) -> list[str]:
        """The sequences that the walk reached."""
        return [*(sequence for sequence, _ in self.again), *self.first, *self.skipped]


class Forecast(msgspec.Struct):
    """What a recovery would do."""

    steps: dict[str, StepForecast]  #: those that users see, by the kernel's name, in the program's order
    not_computed: list[tuple[str, str]] = []  #: the loops that are reached and not computed yet: path, sequence


class _Walk(Turn):
    """A turn that is never recorded, so that no iteration may leave memory: it could not be read back."""

    QUIET_ITERATIONS = sys.maxsize


def forecast(
    plan: Plan, history: History, archive: Archive, starts: Iterable[tuple[str, str]], known: History | None = None
) -> Forecast:
    """What recovery would do with each step that users see, and which loops it would have to compute first.

    `history` must have all tasks (`same_program` False), or the inside of finished loops is left out. `known` is the
    whole history where `history` was amended.
    """
    left = set() if history.only is None else plan.steps.keys() - history.only.steps
    found = {
        step.name: StepForecast(is_left=step.name in left)
        for step in plan.steps.values()
        if not (step.is_container or step.is_hidden)
    }
    told = Forecast(found)
    turn = _Walk(plan, history, archive, {})
    turn.context.state.limits["all"] = Limit(None)
    turn.context.state.is_forecast = True
    turn.context.state.sharing = None  # its units are as free as others
    for event, sequence in starts:
        turn.start(plan.events[event], sequence)
    more, passed_over = True, set[tuple[str, str]]()
    while more:
        more = turn.settle()
        changes = turn.taken_changes()
        for task, _ in changes.carried:
            if task.step.name in found:
                found[task.step.name].skipped.append(task.sequence)
            elif task.step.is_container:
                passed_over.add(task.key)
        for task in changes.created.values():
            if task.status is TaskStatus.omitted and task.step.name in found:
                found[task.step.name].skipped.append(task.sequence)
        for task in _begun(changes):
            if task.step.name in found:
                _note(found[task.step.name], task, known or history)
        unknown = [task for task in changes.starts if _is_not_computed(task, archive)]
        told.not_computed += [(task.step.path, task.sequence) for task in unknown]
        more |= _goes_on(turn, changes.starts, unknown)
    for (name, sequence), past in history.tasks.items() if passed_over else ():
        if name in found and past.status.is_done and _is_inside(plan, name, sequence, passed_over):
            found[name].skipped.append(sequence)
    _note_not_reached(plan, history, known or history, found)
    return told


def _note_not_reached(plan: Plan, history: History, known: History, found: Mapping[str, StepForecast]) -> None:
    """Note what would become of instances with a history that only another outcome of other steps leads to."""
    reached = {(name, sequence) for name, one in found.items() for sequence in one.reached()}
    for (name, sequence), past in known.tasks.items():
        is_left = history.only is not None and not history.only.covers(name, sequence)
        if name not in found or (name, sequence) in reached or is_left:
            continue
        still = history.tasks.get((name, sequence))
        if still is not None and recovery.skips(plan.steps[name], still, history):
            found[name].skipped_if_reached.append(sequence)
        else:
            found[name].again_if_reached.append((sequence, _left_in(past)))


def _is_inside(plan: Plan, name: str, sequence: str, containers: Container[tuple[str, str]]) -> bool:
    """Whether an instance is inside one of the instances of containers."""
    around = plan.container_of.get(plan.steps[name].place.scope)
    while around is not None:
        sequence = sequence.rpartition(".")[0]
        if (around.name, sequence) in containers:
            return True
        around = plan.container_of.get(around.place.scope)
    return False


def _is_not_computed(task: Task, archive: Archive) -> bool:
    """Whether the task would compute a loop of which no items are recorded."""
    return task.step.role in COMPUTING and archive.item_count(task.step.name, task.sequence) is None


def _begun(changes: Changes) -> list[Task]:
    """The tasks that began: those for workers, and those without a function, which are over at once."""
    at_once = (task for task in (*changes.created.values(), *changes.updated.values()) if task.step.func is None)
    return [*changes.starts, *(task for task in at_once if task.status is TaskStatus.success)]


def _note(known: StepForecast, task: Task, history: History) -> None:
    past = history.tasks.get(task.key)
    if past is None:
        known.first.append(task.sequence)
    else:
        known.again.append((task.sequence, _left_in(past)))


def _left_in(past: Past) -> TaskStatus:
    return TaskStatus.success if past.status is TaskStatus.skipped else past.status


def _assumed(task: Task) -> str | None:
    """The result that a task is taken to have: conditions hold."""
    return "true" if task.step.role in (Role.condition, Role.until) else None


def _goes_on(turn: Turn, started: list[Task], unknown: list[Task]) -> bool:
    """Let what started succeed, `unknown` loops as if they had no items; if there is none, let a delay be over."""
    for task in started:
        turn.ended(task, Outcome(True, NO_ITEMS if task in unknown else _assumed(task)))
    if started:
        return True
    if waiting := list(turn.context.state.deferred.values()):
        for task in waiting:
            deferring.answer(turn.context, task)
        return True
    due = delays.next_due(turn.context)
    if due is None:
        return False
    turn.time_came(due)
    return True
