"""Continue: take a recovery up where its last engine left it.

Facts, tasks and delays come from the store as they are. A task that a dead engine left active meets its step's policy:
rerun means another try, skip counts it as done. A failure stays a failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from eventcore.decide import delays, expressions, recovery, scheduling
from eventcore.decide.changes import Attempt
from eventcore.decide.ending import task_over
from eventcore.decide.state import Delay, Task
from eventcore.define.program import Event, Step
from eventcore.define.status import StepReplay, TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


@dataclass(frozen=True, slots=True)
class StoredTask:
    """A task of this recovery as the store has it."""

    step: str
    sequence: str
    status: TaskStatus
    try_number: int
    due: float | None
    started: float | None
    memo: str | None
    lost: int = 0  #: tries that ended with their engine


@dataclass(slots=True)
class Snapshot:
    """What the store has of a recovery, without the cells that are closed for good."""

    facts: list[tuple[str, str]] = field(default_factory=list)  #: (event, sequence)
    tasks: list[StoredTask] = field(default_factory=list)
    delays: list[tuple[str, str, float]] = field(default_factory=list)  #: (association, sequence, due)
    over: list[tuple[str, TaskStatus, int]] = field(default_factory=list)  #: how many tasks of a step ended how


def restore(turn: Turn, snapshot: Snapshot) -> None:
    """Build the state from the store; what changed or left the program since is passed over."""
    for name, sequence in snapshot.facts:
        event = turn.plan.events.get(name)
        if event is not None:
            cell = turn.cell(event.scope, sequence)
            cell.facts.add(name)
            cell.halted |= event.halts
    left_active, open_tasks = _restore_tasks(turn, snapshot.tasks)
    for name, sequence, due in snapshot.delays:
        association = turn.plan.associations.get(name)
        if association is not None:
            delays.await_delay(
                turn, Delay(association, sequence, due, False), turn.cell(association.event.scope, sequence)
            )
    _count_what_is_over(turn, snapshot)
    for task in left_active:
        if task.step.control is not None and task.step.acquires:
            task.holds = True
            _count_units(turn, task.step, 1, 0)
    for name, sequence in snapshot.facts:
        if (event := turn.plan.events.get(name)) is not None:
            _restore_gates(turn, event.scope, sequence, turn.plan.dependents.get(name, ()))
    for task in open_tasks:
        _wait_again(turn, task)
    for task in left_active:
        _take_up(turn, task)


def _restore_tasks(turn: Turn, stored: Iterable[StoredTask]) -> tuple[list[Task], list[Task]]:
    active: list[Task] = []
    waiting: list[Task] = []
    for row in stored:
        step = turn.plan.steps.get(row.step)
        if step is None:
            continue
        task = Task(step, row.sequence, row.status)
        task.try_number, task.due, task.started, task.memo = row.try_number, row.due, row.started, row.memo
        task.lost = row.lost
        turn.cell(step.placement.scope, row.sequence).tasks[step.name] = task
        if not task.status.is_over:
            turn.state.live[task.key] = task
            (active if task.status is TaskStatus.active else waiting).append(task)
    return active, waiting


def _restore_gates(turn: Turn, scope: str, sequence: str, dependents: Iterable[Event]) -> None:
    for dependent in dependents:
        if dependent.scope != scope:
            continue
        cell = turn.cell(scope, sequence)
        if dependent.name in cell.facts or dependent.name in cell.gates:
            continue
        gate = expressions.gate_at(turn, dependent, cell)
        for atom in () if gate is None else gate.shape.groups_of:
            if atom in cell.facts and gate is not None and gate.count_in(atom, False):
                expressions.opened(turn, gate)
                break


def _count_what_is_over(turn: Turn, snapshot: Snapshot) -> None:
    """Failures stay failures, and units stay taken by what is over and did not return them."""
    for name, status, count in snapshot.over:
        step = turn.plan.steps.get(name)
        if step is None:
            continue
        if status is TaskStatus.failure and not step.handles_failure:
            turn.state.failures += count
        if status is not TaskStatus.cancelled:
            _count_units(turn, step, count, count)


def _count_units(turn: Turn, step: Step, taken: int, returned: int) -> None:
    for pool, count in step.acquires:
        turn.state.pools[pool.name].taken += taken * count
    for pool, count in step.releases:
        state = turn.state.pools[pool.name]
        state.taken = max(0, state.taken - returned * count)


def _wait_again(turn: Turn, task: Task) -> None:
    if task.due is not None:
        delays.set_timer(turn, task.due, task)
    else:
        scheduling.make_ready(turn, task)


def _take_up(turn: Turn, task: Task) -> None:
    if task.step.control is not None:
        task.step.control.resumed(turn, task)
        return
    lost = "the engine that ran this try is gone; how far the step came is not known"
    turn.changes.attempts.append(
        Attempt(task, task.try_number, TaskStatus.cancelled, task.started, turn.now, lost, None)
    )
    if recovery.replay(task.step, TaskStatus.active) is StepReplay.skip:
        task_over(turn, task, TaskStatus.success, None, None, None, ())
        return
    task.try_number += 1
    task.lost += 1
    task.status = TaskStatus.ready
    turn.changes.touched(task)
    scheduling.make_ready(turn, task)
