"""Deferred tasks: active without a worker, and without a slot, until somebody answers or their time is up.

A step's function defers its end and hands on a ticket; a wait does so from its start, and is answered by its name. A
deferred task keeps its units of resources, and nothing of it is lost when its engine ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eventcore.decide import delays, ending, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import SIGNAL, Task
from eventcore.define.due import due_at
from eventcore.define.outcome import Deferred, Outcome
from eventcore.define.program import Role
from eventcore.errors import ProgramError

OVER = "nothing waits for this ticket any more: the try that it was for has ended"
FORGED = "this is not the ticket of that try"


def begin(context: Context, task: Task, outcome: Outcome, deferred: Deferred) -> None:
    """The task's function has returned, and somebody else tells how the try ends."""
    raised = [(event, sequence or task.sequence) for event, sequence in outcome.raised]
    task.raised = json.dumps(raised) if raised else None
    _hold(context, task, deferred.digest, deferred.timeout)


def begin_wait(context: Context, task: Task) -> None:
    """A wait begins."""
    assert task.step.wait is not None
    _hold(context, task, SIGNAL, task.step.wait.timeout)


def resume(context: Context, task: Task) -> None:
    """Wait for what another engine has waited for."""
    context.state.deferred[task.step.path, task.sequence] = task
    if task.due is not None:
        delays.set_timer(context, task.due, task)


def complete(context: Context, request: int, argument: Mapping[str, Any]) -> bool:
    """End the try that a ticket is for; False where its function has not returned yet, so that the request waits.

    Raises `ProgramError` for a ticket that nothing waits for.
    """
    place = argument["path"], argument["sequence"]
    task = context.state.deferred.get(place)
    if task is None or task.ticket == SIGNAL:
        if any(_is_at(one, place) and one.try_number == argument["try"] for one in context.state.running.values()):
            return False
        raise ProgramError(OVER)
    if task.ticket != argument["ticket"]:
        raise ProgramError(OVER if task.try_number != argument["try"] else FORGED)
    answer(context, task, argument.get("value"), argument.get("error"))
    return True


def signal(context: Context, request: int, argument: Mapping[str, Any]) -> None:
    """Answer a wait, the one at the sequence or the only one; raises `ProgramError` where that is not clear."""
    path, sequence = argument["path"], argument.get("sequence")
    found = [
        task
        for (name, at), task in context.state.deferred.items()
        if name == path and task.ticket == SIGNAL and sequence in (None, at)
    ]
    if not found:
        where = path if sequence is None else f"{path}@{sequence}"
        raise ProgramError(f"{where} is not waiting for a signal; `sequent why` says how it stands")
    if len(found) > 1:
        names = ", ".join(f"{path}@{task.sequence}" for task in found[:5])
        raise ProgramError(f"{len(found)} instances of {path} are waiting; name one of {names}")
    if sequence is None:
        context.changes.moved.append((request, {**argument, "sequence": found[0].sequence}))
    answer(context, found[0], argument.get("value"))


def take_up_early(context: Context) -> None:
    """Look again at the requests whose tickets were used before their functions had returned."""
    early, context.state.early = context.state.early, []
    for request, argument in early:
        try:
            if complete(context, request, argument):
                context.changes.answers.append((request, None))
            else:
                context.state.early.append((request, argument))
        except ProgramError as error:
            context.changes.answers.append((request, str(error)))


def time_out(context: Context) -> None:
    """End the tries for which no answer has come in time; a wait may have a value for that."""
    overdue, context.state.overdue = context.state.overdue, []
    for task in overdue:
        if task.ticket is None or task.due is None or task.due > context.now:
            continue
        wait = task.step.wait
        if wait is not None and wait.has_default:
            answer(context, task, wait.default)
        else:
            what = "completed it" if wait is None else "sent its signal"
            answer(context, task, None, f"timed out: nobody {what} in time")


def answer(context: Context, task: Task, value: str | None = None, error: str | None = None) -> None:
    """End the try of a deferred task, with a value as tagged JSON or an error."""
    raised = tuple((event, at) for event, at in json.loads(task.raised or "[]"))
    task.raised = None
    tasks.released(context, task)
    ending.try_ended(context, task, Outcome(error is None, value, error=error, raised=raised))


def _hold(context: Context, task: Task, ticket: str, timeout: float | None) -> None:
    task.ticket = ticket
    task.due = None if timeout is None else due_at(context.now, timeout)
    resume(context, task)
    context.changes.touched(task)


def _is_at(task: Task, place: tuple[str, str]) -> bool:
    return (task.step.path, task.sequence) == place and task.step.role is not Role.items
