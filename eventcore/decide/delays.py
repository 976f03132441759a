"""Delayed associations: a stored due time that survives the process and that recovery does not start again."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from eventcore.decide.state import Cell, Delay, Task
from eventcore.define.program import Association

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


def begin(turn: Turn, association: Association, cell: Cell, fresh: bool) -> None:
    """Start the wait, or go on with the one that an earlier recovery began."""
    if cell.halted:
        return
    known = None if fresh or cell.fresh else turn.history.delays.get((association.key, cell.sequence))
    delay = Delay(association, cell.sequence, turn.now + association.delay if known is None else known, fresh)
    turn.changes.delays_begun.append(delay)
    await_delay(turn, delay, cell)


def await_delay(turn: Turn, delay: Delay, cell: Cell) -> None:
    """Have the delay served when it is due."""
    cell.delays.append(delay)
    turn.state.pending_delays += 1
    set_timer(turn, delay.due, delay)


def set_timer(turn: Turn, due: float, what: Delay | Task) -> None:
    """Put something on the heap of what comes due."""
    turn.state.timer_count += 1
    heapq.heappush(turn.state.timers, (due, turn.state.timer_count, what))


def taken_due(turn: Turn) -> list[Delay | Task]:
    """Everything whose time has come, earliest first; a dropped or ended entry falls out silently."""
    found: list[Delay | Task] = []
    timers = turn.state.timers
    while timers and timers[0][0] <= turn.now:
        what = heapq.heappop(timers)[2]
        if isinstance(what, Task):
            found.append(what)
        elif not what.dropped:
            _over(turn, what)
            found.append(what)
    return found


def next_due(turn: Turn) -> float | None:
    """When the next delay or retry is due, UTC in seconds; None where nothing waits for time."""
    timers = turn.state.timers
    while timers:
        what = timers[0][2]
        stale = what.dropped if isinstance(what, Delay) else (what.status.is_over or what.due is None)
        if not stale:
            return timers[0][0]
        heapq.heappop(timers)
    return None


def drop(turn: Turn, delay: Delay) -> None:
    """The delay's part of the program was ended: it is not awaited any more."""
    delay.dropped = True
    _over(turn, delay)


def _over(turn: Turn, delay: Delay) -> None:
    turn.state.pending_delays -= 1
    turn.changes.delays_over.append(delay)
    cell = turn.state.cells.get((delay.association.event.scope, delay.sequence))
    if cell is not None:
        cell.delays.remove(delay)
