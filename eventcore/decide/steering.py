"""Steering: what a user asks of a run while an engine works on it.

Pausing lets nothing new start until the run is resumed. Cancelling ends the run, or one instance with all that is
inside it: what runs is ended, what is ready is cancelled. Each request is answered in the commit of its effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventcore.decide import halting
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.program import EventKind
from eventcore.define.sequence import as_sequence
from eventcore.define.status import TaskStatus
from eventcore.errors import ProgramError


def take_up(context: Context, request: int, verb: str, argument: Mapping[str, Any]) -> None:
    """Do what a request asks, and note its answer."""
    try:
        answer = _done(context, verb, argument)
    except ProgramError as error:
        answer = f"refused: {error}"
    context.changes.answers.append((request, answer))


def trigger(context: Context, event: str, sequence: str) -> None:
    """Raise an event from outside; one that is triggered there already changes nothing."""
    known = context.plan.events.get(event)
    if known is None or known.kind is not EventKind.public:
        raise ProgramError(f"the program has no event {event!r}")
    context.raise_event(known, sequence)


def _done(context: Context, verb: str, argument: Mapping[str, Any]) -> str:
    state = context.state
    if verb in ("pause", "resume"):
        state.paused = verb == "pause"
    elif verb == "trigger":
        trigger(context, argument["event"], as_sequence(argument["sequence"]))
    elif verb == "cancel" and argument:
        _cancel_instance(context, argument["path"], argument.get("sequence"))
    elif verb == "cancel":
        state.stopped = state.cancelled = True
        for task in list(state.running.values()):
            _end(context, task)
    else:
        raise ProgramError(f"this engine knows no request {verb!r}")
    return "done"


def _cancel_instance(context: Context, path: str, sequence: str | None) -> None:
    """Cancel an instance, or every ready or active one of the step, and whatever is inside it."""
    found = [
        task
        for task in context.state.live.values()
        if task.step.path == path and not task.step.is_hidden and sequence in (None, task.sequence)
    ]
    if not found:
        where = path if sequence is None else f"{path}@{sequence}"
        raise ProgramError(f"no instance of {where} is ready or active")
    for task in found:
        if task.status is TaskStatus.ready:
            halting.cancel(context, task)
        elif not task.step.is_container:
            _end(context, task)
        else:
            _end_inside(context, task)


def _end(context: Context, task: Task) -> None:
    """Have the task's worker ended; the task is cancelled when its end is reported."""
    task.ending = True
    context.changes.cancels.append(task)


def _end_inside(context: Context, container: Task) -> None:
    """Let nothing new start in a container, and end what runs there; its own end follows from theirs."""
    path, below = container.step.path, f"{container.sequence}."
    for iteration in list(container.at.inner.values()):
        if iteration.container is container:
            halting.halt(context, iteration)
    for task in list(context.state.running.values()):
        own = task.step.path == path and task.sequence == container.sequence
        inside = task.step.path == path or task.step.path.startswith(f"{path}/")
        if own or (inside and task.sequence.startswith(below)):
            _end(context, task)
