"""Continue: resume a recovery where its last engine left it.

The store tells which tasks there are, which iterations are open, how far loops came and which delays are on their way.
Whatever follows from these is derived again, by the same rules, from how the tasks stand: so what a changed program has
added to an iteration that is open is reached now, and what was reached before is found to be there. A task that a dead
engine left active meets its step's policy: rerun means another try, skip counts it as done; a deferred one waits on. A
failure stays a failure.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eventcore.decide import (
    around,
    carrying,
    deadlines,
    deferring,
    delays,
    ending,
    failure,
    halting,
    loops,
    recovery,
    resources,
    scheduling,
    slots,
    tasks,
    triggering,
)
from eventcore.decide.changes import Attempt, Leftovers
from eventcore.decide.context import Context
from eventcore.decide.history import DelayKey
from eventcore.decide.raised import RAISED_BY
from eventcore.decide.state import SIGNAL, Iteration, Progress, Task
from eventcore.define.program import AssociationKey, Role, Step
from eventcore.define.status import StepReplay, StepStatus, TaskStatus


class StoredTask(msgspec.Struct, frozen=True):
    """A task of this recovery as the store has it."""

    step: str
    sequence: str
    status: TaskStatus
    try_number: int
    due: float | None
    started: float | None
    raised: str | None
    clean: bool | None
    lost: int = 0  #: tries that ended with their engine
    scope: str = ""
    deadline: float | None = None
    ticket: str | None = None  #: of a deferred task


class StoredIteration(msgspec.Struct, frozen=True):
    """An iteration that is open."""

    scope: str
    sequence: str
    number: int
    halted: bool


class StoredProgress(msgspec.Struct, frozen=True):
    """How far the loop of an active container came."""

    step: str
    sequence: str
    items: int
    begun: int
    over: int
    failed: int
    cancelled: int
    broken: bool
    clean: bool


class Snapshot(msgspec.Struct):
    """What the store has of a recovery, without the iterations that are over."""

    facts: list[tuple[str, str]] = []  #: (event, sequence)
    tasks: list[StoredTask] = []
    iterations: list[StoredIteration] = []
    loops: list[StoredProgress] = []
    delays: dict[DelayKey, tuple[float, bool]] = {}  #: when due, and whether it is over
    over: list[
        tuple[str, TaskStatus, int, int]
    ] = []  #: of tasks of a step: how they ended, how many, and so many unstarted


def restore(context: Context, snapshot: Snapshot) -> None:
    """Build the state from the store; of a changed program, `adopting.check_adoptable` says what cannot be."""
    state = context.state
    state.recorded_delays = snapshot.delays
    known = _restore_tasks(context, snapshot)
    _restore_loops(context, snapshot.loops)
    _count_what_is_over(context, snapshot.over)
    context.changes.leftovers = _leftovers(context, snapshot)
    for stored in snapshot.iterations:
        iteration = state.iterations.get((stored.scope, stored.sequence))
        if iteration is not None and stored.halted:
            halting.halt(context, iteration)
    if state.stopped:
        halting.stop(context)
    carrying.take_up(context)
    _derive(context, snapshot.facts, known)
    for task in known:
        if task.status is TaskStatus.ready:
            _wait_again(context, task)
    for task in known:
        if task.status is TaskStatus.active:
            _take_up(context, task)


def _restore_tasks(context: Context, snapshot: Snapshot) -> list[Task]:
    """The tasks, from the outermost iterations to the innermost."""
    rows: dict[tuple[str, str], list[tuple[Step, StoredTask]]] = {}
    for row in snapshot.tasks:
        step = context.plan.steps.get(row.step)
        if step is not None:
            rows.setdefault((step.place.scope, row.sequence), []).append((step, row))
    known: list[Task] = []
    for scope, sequence in [key for key in rows if not key[0]]:
        known += _restore_iteration(context, context.iteration(scope, sequence), rows.pop((scope, sequence)))
    for stored in sorted(snapshot.iterations, key=lambda one: one.sequence.count(".")):
        container = context.plan.container_of.get(stored.scope)
        if container is None:
            continue
        around = context.state.iterations[container.place.scope, stored.sequence.rpartition(".")[0]]
        task = around.tasks[container.name]
        iteration = Iteration(stored.scope, stored.sequence, task, stored.number)
        place = stored.scope, stored.sequence
        context.state.iterations[place] = task.at.inner[place] = iteration
        known += _restore_iteration(context, iteration, rows.pop(place, []))
    return known


def _restore_iteration(context: Context, at: Iteration, rows: Iterable[tuple[Step, StoredTask]]) -> list[Task]:
    for step, row in rows:
        task = at.tasks[step.name] = Task(step, at, row.status)
        task.try_number, task.due, task.started, task.lost = row.try_number, row.due, row.started, row.lost
        task.raised, task.clean = row.raised, row.clean
        task.is_asking = row.status is TaskStatus.ready and row.started is not None and row.try_number == 1
        if row.ticket is not None and (row.ticket == SIGNAL) is (step.wait is not None):
            task.ticket = row.ticket
        if not task.status.is_over:
            context.state.live[task.key] = task
            if step.config.deadline is not None:
                deadlines.resume(context, task, row.deadline)
    return list(at.tasks.values())


def _leftovers(context: Context, snapshot: Snapshot) -> Leftovers:
    """What was under way and has no place in the program any more."""
    state = context.state
    live = [(row.step, row.sequence) for row in snapshot.tasks if not row.status.is_over]
    begun = [(one.scope, one.sequence) for one in snapshot.iterations]
    gone = []
    for (key, sequence), (_, is_over) in snapshot.delays.items():
        if not is_over and not _has_place(context, key, sequence):
            gone.append((key, sequence))
    without_step = [key for key in live if key not in state.live]
    without_scope = [place for place in begun if place not in state.iterations]
    return Leftovers(without_step, without_scope, gone)


def _has_place(context: Context, delay: AssociationKey, sequence: str) -> bool:
    association = context.plan.associations.get(delay)
    if association is None or not association.delay:
        return False
    scope = association.event.scope
    return not scope or (scope, sequence) in context.state.iterations


def _restore_loops(context: Context, stored: Iterable[StoredProgress]) -> None:
    for row in stored:
        task = context.state.live.get((row.step, row.sequence))
        if task is None or task.step.loop is None:
            continue
        progress = context.state.progress[task.key] = Progress(task, row.items)
        progress.begun, progress.over, progress.failed = row.begun, row.over, row.failed
        progress.cancelled, progress.broken, progress.clean = row.cancelled, row.broken, row.clean
        loops.resume(context, progress)
    for task in context.state.live.values():
        if not task.step.is_container or task.status is not TaskStatus.active or task.key in context.state.progress:
            continue
        begun = [one for one in task.at.inner.values() if one.container is task]
        if begun:
            context.state.progress[task.key] = progress = Progress(task, 1)
            progress.begun = 1


def _derive(context: Context, facts: Iterable[tuple[str, str]], known: Iterable[Task]) -> None:
    """Follow again what is recorded; what already exists stays unchanged."""
    recorded = []
    for name, sequence in facts:
        event = context.plan.events.get(name)
        if event is not None and (not event.scope or (event.scope, sequence) in context.state.iterations):
            at = context.iteration(event.scope, sequence)
            at.facts.add(name)
            recorded.append((event, at))
    for event, at in recorded:
        triggering.consequences(context, event, at)
    for iteration in list(context.state.iterations.values()):
        begin = context.plan.scopes[iteration.scope].begin
        if begin is not None:
            context.agenda.append((begin, iteration))
    for task in known:
        is_gone = task.status in (TaskStatus.cancelled, TaskStatus.omitted)
        raised = RAISED_BY[task.status]
        context.raise_triggers(task, *(one for one in raised if one is not StepStatus.over or not is_gone))
        if task.status is TaskStatus.ready and (task.try_number > 1 or task.started is not None):
            context.raise_triggers(task, StepStatus.active)
        if is_gone:
            halting.gone(context, task)
        if task.raised and task.status.is_done:
            ending.raise_own(context, task)


def _count_what_is_over(context: Context, over: Iterable[tuple[str, TaskStatus, int, int]]) -> None:
    """Failures stay failures, and units stay taken by what is over and did not return them."""
    known = [one for one in over if one[0] in context.plan.steps]
    ended = [(context.plan.steps[name], status, count) for name, status, count, _ in known]
    for (step, status, count), (*_, unstarted) in zip(ended, known, strict=True):
        failures = unstarted * (not failure.is_handled(step, unstarted=True))
        failures += (count - unstarted) * (not failure.is_handled(step, unstarted=False))
        if status is TaskStatus.failure and failures:
            context.state.failures += failures
            context.state.stopped |= context.plan.config.of_step(step.config, "stop_on_exception")
    kept = [(step, count) for step, status, count in ended if status not in (TaskStatus.cancelled, TaskStatus.omitted)]
    resources.count_over(context, kept)


def _wait_again(context: Context, task: Task) -> None:
    if task.step.role is Role.stream and task.due is None:
        return  # until somebody asks
    if task.due is not None:
        delays.set_timer(context, task.due, task)
    else:
        slots.make_ready(context, task)


def _take_up(context: Context, task: Task) -> None:
    if task.step.is_container:
        resources.hold(context, task)  # what it had when its engine died
        around.resume(context, task)
        if task.key in context.state.progress:
            loops.advance(context, task)
        else:
            scheduling.start_container(context, task)
        return
    if task.ticket is not None:
        resources.hold(context, task)
        deferring.resume(context, task)
        return
    task.due = None
    lost = "the engine that ran this try is gone; how far the step came is not known"
    context.changes.attempts.append(
        Attempt(task, task.try_number, TaskStatus.cancelled, task.started, context.now, lost, None)
    )
    if recovery.replay(task.step, TaskStatus.active) is StepReplay.skip:
        resources.hold(context, task)
        ending.task_over(context, task, TaskStatus.success)
        return
    task.try_number += 1
    task.lost += 1
    tasks.set_status(context, task, TaskStatus.ready)
    if task.step.role is Role.stream:
        loops.goes_on(context, context.plan.steps_served[task.step.name], task.at)
    else:
        slots.make_ready(context, task)
