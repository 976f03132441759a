"""How a run stands: what is left to do, what can still happen, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventcore.decide import delays
from eventcore.decide.state import Task
from eventcore.define.status import TaskStatus, Verdict

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


@dataclass(frozen=True, slots=True)
class Wait:
    """A task that nothing can bring on, and what it waits for."""

    task: Task
    waits_for: str


def todos(turn: Turn) -> int:
    """Tasks reached and not over, delays on their way, events not followed; control steps count as their children."""
    state = turn.state
    reached = sum(task.step.control is None for task in state.live.values())
    return reached + state.pending_delays + len(turn.agenda)


def is_idle(turn: Turn) -> bool:
    """True when nothing goes on until time passes or someone acts."""
    return not turn.state.running


def waits_for_time(turn: Turn) -> bool:
    """True when a delay or a retry is still to be awaited; a stopped run awaits none."""
    return not turn.state.stopped and delays.next_due(turn) is not None


def waits_for_resume(turn: Turn) -> bool:
    """True when the run is paused and has something left to do."""
    return turn.state.paused and not turn.state.stopped and bool(turn.state.live)


def of(turn: Turn) -> Verdict:
    """The verdict of a run that is idle."""
    if turn.state.cancelled:
        return Verdict.cancelled
    if turn.state.failures:
        return Verdict.failure
    if turn.agenda or waits_for_time(turn) or waits_for_resume(turn) or turn.state.held_back:
        return Verdict.pending
    return Verdict.stalled if stalled(turn) else Verdict.success


def stalled(turn: Turn) -> list[Wait]:
    """The tasks of an idle run that wait for what nothing can bring any more."""
    if turn.state.stopped or turn.state.paused or turn.state.running or delays.next_due(turn) is not None:
        return []
    waiting = [task for task in turn.state.live.values() if task.status is TaskStatus.ready]
    return [Wait(task, _reason(turn, task)) for task in waiting]


def _reason(turn: Turn, task: Task) -> str:
    missing = []
    for pool, count in task.step.acquires:
        state = turn.state.pools[pool.name]
        if not task.holds and not state.has_free(count):
            free = 0 if state.limit is None else state.limit - state.taken
            missing.append(f"{count} of resource {pool.name!r} ({free} of {state.limit} free)")
    return ", ".join(missing) or "its turn in a queue that does not move"


def not_reached(turn: Turn) -> list[tuple[str, str, list[str]]]:
    """Half-fulfilled expressions: (event, sequence, the events still missing); what a branch not taken looks like."""
    found = []
    for cell in turn.state.cells.values():
        for gate in cell.gates.values():
            missing = [atom for atom in gate.shape.groups_of if atom not in gate.seen]
            found.append((gate.event.name, gate.sequence, missing))
    return found
