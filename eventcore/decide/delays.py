"""Timers, and delayed associations: the due time is stored, survives the process, and is kept by recovery."""

from __future__ import annotations

import heapq

from eventcore.decide.context import Context
from eventcore.decide.state import Deadline, Delay, Iteration, Task
from eventcore.define.due import due_at
from eventcore.define.program import Association
from eventcore.define.status import TaskStatus


def begin(context: Context, association: Association, at: Iteration) -> bool:
    """Start the wait, or resume one that is recorded; True if that one is over, so that nothing is left to wait for."""
    if at.halted and not association.survives:
        return True  # to find that its target is not reached any more
    recorded = context.state.recorded_delays.get((association.key, at.sequence))
    if recorded is None:
        known = context.history.delays.get((association.key, at.sequence))
        delay = Delay(association, at, due_at(context.now, association.delay) if known is None else known)
        context.changes.delays_begun.append(delay)
    elif recorded[1]:
        return True
    else:
        delay = Delay(association, at, recorded[0])
    at.delays.append(delay)
    context.state.pending_delays += 1
    set_timer(context, delay.due, delay)
    return False


def set_timer(context: Context, due: float, what: Delay | Task | Deadline) -> None:
    """Have a delay, the next try of a task or its deadline come up at a time, UTC in seconds."""
    context.state.timer_count += 1
    heapq.heappush(context.state.timers, (due, context.state.timer_count, what))


def taken_due(context: Context) -> list[Delay | Task | Deadline]:
    """Everything that is due, earliest first; dropped and ended entries are discarded."""
    found: list[Delay | Task | Deadline] = []
    timers = context.state.timers
    while timers and timers[0][0] <= context.now:
        due, _, what = heapq.heappop(timers)
        if isinstance(what, Task):
            if what.due == due:
                found.append(what)
        elif isinstance(what, Deadline):
            found.append(what)
        elif not what.dropped:
            _over(context, what)
            found.append(what)
    return found


def next_due(context: Context) -> float | None:
    """When the next delay, retry or deadline is due, UTC in seconds; None if there is none."""
    timers = context.state.timers
    while timers:
        if not _is_stale(timers[0][2], timers[0][0]):
            return timers[0][0]
        heapq.heappop(timers)
    return None


def next_deadline(context: Context) -> float | None:
    """The next deadline of what is active, UTC in seconds: a stopped run waits for nothing else."""
    return min(
        (
            due
            for due, _, what in context.state.timers
            if isinstance(what, Deadline) and what.task.status is TaskStatus.active and not _is_stale(what, due)
        ),
        default=None,
    )


def _is_stale(what: Delay | Task | Deadline, due: float) -> bool:
    if isinstance(what, Delay):
        return what.dropped
    if isinstance(what, Task):
        return what.status.is_over or what.due != due
    return what.task.status.is_over or what.task.ending is not None


def drop(context: Context, delay: Delay) -> None:
    """Stop waiting for a delay, because its iteration was ended."""
    delay.dropped = True
    _over(context, delay)


def _over(context: Context, delay: Delay) -> None:
    context.state.pending_delays -= 1
    context.changes.delays_over.append(delay)
    delay.at.delays.remove(delay)
