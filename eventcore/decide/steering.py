"""Steering: what a user asks of a run while an engine works on it.

Pausing lets nothing new start until the run is resumed. Cancelling ends the run, or one instance with all that is
inside it: what runs is ended, what is ready is cancelled. Each request is answered in the commit that completes its
effect, and one that would have none is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventcore.decide import cancelling, deferring, emitting, halting
from eventcore.decide.context import Context
from eventcore.decide.state import Cancelling, Ending
from eventcore.define.answer import FRESH
from eventcore.define.event import EventKind
from eventcore.define.sequence import as_sequence
from eventcore.define.status import TaskStatus
from eventcore.errors import ProgramError

ON_REQUEST = Ending(TaskStatus.cancelled, "cancelled on request")


def take_up(context: Context, request: int, verb: str, argument: Mapping[str, Any]) -> None:
    """Do what a request asks, and note that it is done or why it is refused; once, however often it is handed in."""
    known = [one.request for one in context.state.cancelling]
    known += [request for request, _ in (*context.changes.answers, *context.state.early)]
    if request in known:
        return
    try:
        _check(context, verb, argument)
        if verb == "cancel":
            context.state.cancelling.append(_cancel(context, request, argument))
            return
        if verb == "complete" and not deferring.complete(context, request, argument):
            context.state.early.append((request, argument))
            return
        _do(context, request, verb, argument)
    except ProgramError as error:
        context.changes.answers.append((request, str(error)))
    else:
        context.changes.answers.append((request, None))


def answer_cancelled(context: Context) -> None:
    """Answer the requests to cancel whose tasks have all ended; one that all of them escaped by success is refused."""
    waiting = []
    for one in context.state.cancelling:
        if not all(task.status.is_over for task in one.tasks):
            waiting.append(one)
            continue
        came_too_late = bool(one.what) and all(task.status is TaskStatus.success for task in one.tasks)
        reason = f"{one.what} ended before it could be cancelled" if came_too_late else None
        context.changes.answers.append((one.request, reason))
    context.state.cancelling = waiting


def trigger(context: Context, event: str, sequence: str) -> None:
    """Raise an event from outside; one that is triggered there already changes nothing."""
    if not context.plan.is_public(event):
        raise ProgramError(f"the program has no event {event!r}")
    context.raise_event(context.plan.events[event], sequence)


def _check(context: Context, verb: str, argument: Mapping[str, Any]) -> None:
    """Raise `ProgramError` where the request would change nothing."""
    state = context.state
    if verb == "pause" and (state.paused or state.stopped):
        raise ProgramError("the run is already paused" if state.paused else "the run is ending: nothing new starts")
    if verb == "resume" and not state.paused:
        raise ProgramError("the run is not paused")
    if verb == "cancel" and not argument:
        if state.cancelled:
            raise ProgramError("the run is already being cancelled")
        if not (state.live or state.pending_delays or context.agenda):
            raise ProgramError("the run has nothing left to cancel")
    if verb == "trigger":
        _check_event(context, argument["event"], None if argument.get(FRESH) else as_sequence(argument["sequence"]))


def _check_event(context: Context, name: str, sequence: str | None) -> None:
    event = context.plan.events.get(name)
    if event is None:
        raise ProgramError(f"the program has no event {name!r}")
    if event.kind is not EventKind.public:
        raise ProgramError(f"event {name!r} is internal; only the engine triggers it")
    if sequence is None:
        return
    waiting = any(known is event and at.sequence == sequence for known, at in context.agenda)
    if waiting or context.iteration_with(event, sequence) is not None:
        raise ProgramError(f"event {name!r} has already been triggered at {sequence}")


def _do(context: Context, request: int, verb: str, argument: Mapping[str, Any]) -> None:
    state = context.state
    if verb in ("pause", "resume"):
        state.paused = verb == "pause"
    elif verb == "trigger":
        sequence = as_sequence(argument["sequence"])
        if argument.get(FRESH) and (free := _free(context, argument["event"], sequence)) != sequence:
            context.changes.moved.append((request, {**argument, "sequence": free}))
            sequence = free
        trigger(context, argument["event"], sequence)
    elif verb == "signal":
        deferring.signal(context, request, argument)
    elif verb == "emit":
        emitting.asked(context, argument)
    elif verb != "complete":
        raise ProgramError(f"this engine does not know the request {verb!r}")


def _free(context: Context, name: str, sequence: str) -> str:
    """The first sequence from this one on at which nothing has been triggered; it was chosen for whoever asked."""
    scope, state = context.plan.events[name].scope, context.state
    waiting = {at.sequence for _, at in context.agenda}
    number = int(sequence)
    while True:
        text = str(number)
        found = context.iteration(scope, text) if state.has_evicted else state.iterations.get((scope, text))
        is_free = text not in waiting and (found is None or not found.facts)
        if is_free and context.sequences.take(text, by_program=False):
            return text
        number += 1


def _cancel(context: Context, request: int, argument: Mapping[str, Any]) -> Cancelling:
    if argument:
        return _cancel_instances(context, request, argument["path"], argument.get("sequence"))
    state = context.state
    state.stopped = state.cancelled = True
    for iteration in list(state.iterations.values()):
        if iteration.container is not None and not halting.outlives(iteration.container):
            halting.halt(context, iteration)
    halting.halt_run(context)
    for task in list(state.live.values()):
        if not halting.outlives(task):
            cancelling.end(context, task, ON_REQUEST)
    return Cancelling(request, "", [task for task in state.live.values() if task.ending is not None])


def _cancel_instances(context: Context, request: int, path: str, sequence: str | None) -> Cancelling:
    """Cancel an instance, or every ready or active one of the step, and whatever is inside it."""
    found = [
        task
        for task in context.state.live.values()
        if task.step.path == path and not task.step.is_hidden and sequence in (None, task.sequence)
    ]
    where = path if sequence is None else f"{path}@{sequence}"
    if not found:
        raise ProgramError(f"no instance of {where} is ready or active")
    if all(task.ending is not None for task in found):
        raise ProgramError(f"{where} is already being cancelled")
    for task in found:
        if task.step.is_container and task.status is TaskStatus.active:
            cancelling.end_inside(context, task, ON_REQUEST, ON_REQUEST)
        else:
            cancelling.end(context, task, ON_REQUEST)
    return Cancelling(request, where, found)
