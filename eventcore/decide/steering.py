"""Steering: what a user asks of a run while an engine works on it.

Pausing lets nothing new start until the run is resumed. Cancelling ends the run, or one instance with all that is
inside it: what runs is ended, what is ready is cancelled. Each request is answered in the commit of its effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventcore.decide import halting
from eventcore.decide.state import Task
from eventcore.define.sequence import as_sequence
from eventcore.define.status import TaskStatus
from eventcore.errors import ProgramError

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


def take_up(turn: Turn, request: int, verb: str, argument: Mapping[str, Any]) -> None:
    """Do what a request asks, and note its answer."""
    try:
        answer = _done(turn, verb, argument)
    except ProgramError as error:
        answer = f"refused: {error}"
    turn.changes.answers.append((request, answer))


def _done(turn: Turn, verb: str, argument: Mapping[str, Any]) -> str:
    state = turn.state
    if verb in ("pause", "resume"):
        state.paused = verb == "pause"
    elif verb == "trigger":
        turn.trigger(argument["event"], as_sequence(argument["sequence"]))
    elif verb == "cancel" and argument:
        cancel_instance(turn, argument["path"], argument.get("sequence"))
    elif verb == "cancel":
        state.stopped = state.cancelled = True
        for task in list(state.running.values()):
            end(turn, task)
    else:
        raise ProgramError(f"this engine knows no request {verb!r}")
    return "done"


def cancel_instance(turn: Turn, path: str, sequence: str | None) -> None:
    """End the instances of a step that are not over; raises `ProgramError` where there are none."""
    found = [
        task
        for task in turn.state.live.values()
        if task.step.path == path and not task.step.placement.hidden and sequence in (None, task.sequence)
    ]
    if not found:
        where = path if sequence is None else f"{path}@{sequence}"
        raise ProgramError(f"no instance of {where} is ready or active")
    for task in found:
        if task.status is TaskStatus.ready:
            halting.cancel(turn, task)
        elif task.step.control is None:
            end(turn, task)
        else:
            _end_inside(turn, task)


def end(turn: Turn, task: Task) -> None:
    """Have the task's worker ended; the task is cancelled when its end is reported."""
    task.ending = True
    turn.changes.cancels.append(task)


def _end_inside(turn: Turn, container: Task) -> None:
    """Let nothing new start in a container, and end what runs there; its own end follows from theirs."""
    path, below = container.step.path, f"{container.sequence}."
    for (scope, sequence), cell in list(turn.state.cells.items()):
        if (scope == path or scope.startswith(f"{path}/")) and sequence.startswith(below):
            halting.halt(turn, cell)
    for task in list(turn.state.running.values()):
        own = task.step.path == path and task.sequence == container.sequence
        inside = task.step.path == path or task.step.path.startswith(f"{path}/")
        if own or (inside and task.sequence.startswith(below)):
            end(turn, task)
