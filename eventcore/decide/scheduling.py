"""Which ready task starts next: first come, first served, under the limits that apply to it.

A task that finds a limit full is parked there and comes back when a place is free. Steps without a function and control
steps take no place: they run as part of the decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.decide import ending, resources
from eventcore.decide.state import Limit, Task
from eventcore.define.program import Step
from eventcore.define.status import StepStatus, TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


def make_ready(turn: Turn, task: Task) -> None:
    """Queue the task for its start, behind all that are ready already."""
    turn.state.arrivals += 1
    task.arrival = turn.state.arrivals
    turn.state.ready.push(task)


def start_next(turn: Turn) -> bool:
    """Start one ready task, or find that none can start; True while there may be more to do."""
    state = turn.state
    if state.stopped or state.paused:
        return False
    while True:
        _unpark(turn)
        if not state.ready:
            return False
        task = state.ready.pop()
        if task.status is not TaskStatus.ready or (task.due is not None and task.due > turn.now):
            continue
        if task.step.acquires and not task.holds and not resources.take(turn, task):
            continue
        needs_worker = task.step.func is not None and task.step.control is None
        if needs_worker and not _took_places(turn, task):
            continue
        task.status = TaskStatus.active
        task.due = None
        task.started = turn.now
        turn.changes.touched(task)
        turn.raise_triggers(task, StepStatus.active)
        if needs_worker:
            state.running[task.key] = task
            turn.changes.starts.append(task)
        elif task.step.control is not None:
            task.step.control.started(turn, task)
        else:
            ending.task_over(turn, task, TaskStatus.success, None, None, None, ())
        return True


def run_control(turn: Turn, task: Task) -> None:
    """Run a housekeeping step: it is bookkeeping, not work, and runs whatever has failed."""
    task.status = TaskStatus.active
    task.started = turn.now
    turn.changes.touched(task)
    assert task.step.control is not None
    task.step.control.started(turn, task)


def free_places(turn: Turn, task: Task) -> None:
    """The task's worker is through: give its places back."""
    turn.state.running.pop(task.key, None)
    for limit in limits_of(turn, task.step):
        limit.used -= 1
        if limit.parked and limit not in turn.state.roomy:
            turn.state.roomy.append(limit)


def limits_of(turn: Turn, step: Step) -> list[Limit]:
    """The limits that a step's tasks count against: all that run, its executor's, its own."""
    known = turn.state.limits_by_step.get(step.name)
    if known is None:
        limits = turn.state.limits
        known = [limits["all"]]
        executor = limits.get(f"by {executor_of(turn, step)}")
        if executor is not None:
            known.append(executor)
        most = step.config.max_concurrent
        if most is not None and most >= 1:
            known.append(Limit(most))
        turn.state.limits_by_step[step.name] = known
    return known


def executor_of(turn: Turn, step: Step) -> object:
    """What the step is to be run by, as its config writes it."""
    return turn.plan.config.of_step(step.config, "task_construct")


def _took_places(turn: Turn, task: Task) -> bool:
    needed = limits_of(turn, task.step)
    for limit in needed:
        if limit.is_full:
            limit.parked.push(task)
            return False
    for limit in needed:
        limit.used += 1
    return True


def _unpark(turn: Turn) -> None:
    """Let those who waited longest for a free place stand with the others that are ready."""
    roomy = [limit for limit in turn.state.roomy if limit.parked and not limit.is_full]
    for limit in roomy:
        turn.state.ready.push(limit.parked.pop())
    turn.state.roomy = roomy
