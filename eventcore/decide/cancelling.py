"""Ending what is under way, because a user or a deadline wants that."""

from __future__ import annotations

from eventcore.decide import ending, halting
from eventcore.decide.context import Context
from eventcore.decide.state import Ending, Task
from eventcore.define.status import TaskStatus


def end(context: Context, task: Task, how: Ending) -> None:
    """Cancel a ready task, end a deferred one, or have a worker end its try; what was active ends as `how` says."""
    if task.status is TaskStatus.ready:
        halting.cancel(context, task)
    elif task.ticket is not None:
        ending.cut_short(context, task, how)
    elif task.key in context.state.running and task.ending is None:
        task.ending = how
        context.changes.cancels.append(task)


def end_inside(context: Context, container: Task, how: Ending, inside: Ending) -> None:
    """Let nothing new start in a container, and end what runs there; its own end follows from theirs."""
    container.ending = container.ending or how
    for iteration in list(container.at.inner.values()):
        if iteration.container is container:
            halting.halt(context, iteration)
    loop = container.step.loop
    beside = () if loop is None else (loop.items, loop.setup)
    for task in list(context.state.live.values()):
        is_beside = task.at is container.at and task.step.name in beside
        if is_beside or (_is_inside(task, container) and not halting.outlives(task, container)):
            end(context, task, inside)


def _is_inside(task: Task, container: Task) -> bool:
    """Whether the task belongs to an iteration of the container, at whatever depth."""
    around = task.at.container
    while around is not None and around is not container:
        around = around.at.container
    return around is container
