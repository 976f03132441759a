"""Delayed associations: the due time is stored, survives the process, and is kept by recovery."""

from __future__ import annotations

import heapq

from eventcore.decide.context import Context
from eventcore.decide.state import Delay, Iteration, Task
from eventcore.define.program import Association


def begin(context: Context, association: Association, at: Iteration) -> bool:
    """Start the wait, or resume one that is recorded; True if that one is over, so that nothing is left to wait for."""
    if at.halted:
        return False
    recorded = context.state.recorded_delays.get((association.key, at.sequence))
    if recorded is None:
        known = context.history.delays.get((association.key, at.sequence))
        delay = Delay(association, at, context.now + association.delay if known is None else known)
        context.changes.delays_begun.append(delay)
    elif recorded[1]:
        return True
    else:
        delay = Delay(association, at, recorded[0])
    at.delays.append(delay)
    context.state.pending_delays += 1
    set_timer(context, delay.due, delay)
    return False


def set_timer(context: Context, due: float, what: Delay | Task) -> None:
    """Have a delay, or the next try of a task, come up at a time, UTC in seconds."""
    context.state.timer_count += 1
    heapq.heappush(context.state.timers, (due, context.state.timer_count, what))


def taken_due(context: Context) -> list[Delay | Task]:
    """Everything that is due, earliest first; dropped and ended entries are discarded."""
    found: list[Delay | Task] = []
    timers = context.state.timers
    while timers and timers[0][0] <= context.now:
        what = heapq.heappop(timers)[2]
        if isinstance(what, Task):
            found.append(what)
        elif not what.dropped:
            _over(context, what)
            found.append(what)
    return found


def next_due(context: Context) -> float | None:
    """When the next delay or retry is due, UTC in seconds; None if there is none."""
    timers = context.state.timers
    while timers:
        what = timers[0][2]
        stale = what.dropped if isinstance(what, Delay) else (what.status.is_over or what.due is None)
        if not stale:
            return timers[0][0]
        heapq.heappop(timers)
    return None


def next_wake(context: Context) -> float | None:
    """When something is due that the run waits for; a stopped one waits for tries of what survives that alone."""
    state = context.state
    if not state.stopped:
        return next_due(context)
    if not context.plan.has_survivors or state.interrupted:
        return None
    due = (task.due for task in state.live.values() if task.step.place.survives)
    return min((time for time in due if time is not None), default=None)


def drop(context: Context, delay: Delay) -> None:
    """Stop waiting for a delay, because its iteration was ended."""
    delay.dropped = True
    _over(context, delay)


def _over(context: Context, delay: Delay) -> None:
    context.state.pending_delays -= 1
    context.changes.delays_over.append(delay)
    delay.at.delays.remove(delay)
