"""The verdict of a run, what is left to do, and what can still happen."""

from __future__ import annotations

import msgspec

from eventcore.decide import delays, sharing
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.program import Role
from eventcore.define.status import TaskStatus, Verdict


class Wait(msgspec.Struct, frozen=True):
    """A task that can never start or end, and what it waits for."""

    task: Task
    waits_for: str


def todos(context: Context) -> int:
    """Tasks reached and not over, delays on their way, events not followed; containers count as what is inside."""
    state = context.state
    reached = sum(not task.step.is_container for task in state.live.values())
    return reached + state.pending_delays + len(context.agenda)


def is_idle(context: Context) -> bool:
    """True when no worker has a task and no other run units, so nothing happens until time passes or a user acts."""
    return not context.state.running and not sharing.waits(context)


def waits_for_time(context: Context) -> bool:
    """True when a delay or a retry is to be waited for; a stopped run waits for none."""
    return not context.starts_nothing and delays.next_due(context) is not None


def waits_for_resume(context: Context) -> bool:
    """True when the run is paused and has something left to do."""
    state = context.state
    return state.paused and not (context.starts_nothing or state.cancelled) and bool(state.live)


def waits_for_answer(context: Context) -> bool:
    """True when a deferred task or a wait is to be answered; a stopped run waits for none."""
    return not context.state.stopped and bool(context.state.deferred)


def of(context: Context) -> Verdict:
    """The verdict of a run that is idle."""
    if context.state.cancelled:
        return Verdict.cancelled
    if context.state.failures:
        return Verdict.failure
    is_awaited = waits_for_time(context) or waits_for_resume(context) or waits_for_answer(context)
    is_awaited = is_awaited or sharing.waits(context)
    if context.agenda or is_awaited or context.state.held_back:
        return Verdict.pending
    return Verdict.stalled if stalled(context) else Verdict.success


def stalled(context: Context) -> list[Wait]:
    """The tasks of an idle run that wait for something that can no longer happen."""
    state = context.state
    if state.stopped or state.paused or state.held_back or state.running or state.deferred:
        return []
    if delays.next_due(context) is not None or sharing.waits(context):
        return []
    waiting = [task for task in context.state.live.values() if task.status is TaskStatus.ready and not _rests(task)]
    return [Wait(task, _reason(context, task)) for task in waiting or context.state.live.values()]


def _rests(task: Task) -> bool:
    """Whether it hands over a stream's items, and nobody asks."""
    return task.step.role is Role.stream and not task.arrival


def _reason(context: Context, task: Task) -> str:
    if task.status is TaskStatus.active:
        return "steps inside it that can never start"
    missing = []
    for pool, count in task.step.acquires:
        state = context.state.pools[pool.name]
        if not task.holds and not state.has_free(count):
            free = 0 if state.limit is None else state.limit - state.taken
            missing.append(f"{count} of resource {pool.name!r} ({free} of {state.limit} free)")
    return ", ".join(missing) or "its turn in a queue that is stuck"


def not_reached(context: Context) -> list[tuple[str, str, list[str]]]:
    """Expressions of which only a part holds: (event, sequence, the events still missing), as in a branch not taken."""
    found = []
    for iteration in context.state.iterations.values():
        for gate in iteration.gates.values():
            missing = [atom for atom in gate.shape.groups_of if atom not in gate.seen]
            found.append((gate.event.name, gate.sequence, missing))
    return found
