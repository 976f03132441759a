"""Deadlines: how long all tries and waits of a step may take together, and a container from its start to its end.

A deadline is fixed when the step becomes ready for the first time in a recovery, or when the container starts; the time
is recorded, so that it holds when another engine continues. When it comes, a try that runs is ended, what waits for its
next try, a slot or units fails at once, and a container ends what runs in it and fails when that has ended. It is a
failure like others, except that no retry follows.
"""

from __future__ import annotations

from eventcore.decide import cancelling, delays, ending
from eventcore.decide.context import Context
from eventcore.decide.state import Deadline, Ending, Task
from eventcore.define.due import due_at
from eventcore.define.status import TaskStatus


def begin(context: Context, task: Task) -> None:
    """Fix the deadline of a task, whose step has one; a forecast knows none, since nothing takes time there."""
    seconds = task.step.config.deadline
    if seconds is not None and not context.state.is_forecast:
        due = due_at(context.now, seconds)
        context.changes.deadlines.append((task, due))
        delays.set_timer(context, due, Deadline(task))


def resume(context: Context, task: Task, recorded: float | None) -> None:
    """Keep to the deadline that is recorded; one that was added to the program begins now."""
    if recorded is not None:
        delays.set_timer(context, recorded, Deadline(task))
    elif task.status is TaskStatus.active or not task.step.is_container:
        begin(context, task)


def end_late(context: Context) -> None:
    """End what is late, after what happened in this turn: an answer may have come in time with no engine to take it."""
    late, context.state.late = context.state.late, []
    for task in late:
        _passed(context, task)


def _passed(context: Context, task: Task) -> None:
    """The deadline of a task has come; it changes nothing for one that is over or being ended."""
    if task.status.is_over or task.ending is not None:
        return
    late = Ending(TaskStatus.failure, _error(context, task))
    if task.step.is_container:
        inside = Ending(TaskStatus.cancelled, f"cancelled, because the deadline of {task!r} passed")
        cancelling.end_inside(context, task, late, inside)
    elif task.key in context.state.running or task.ticket is not None:
        cancelling.end(context, task, late)
    else:
        task.due = None
        ending.engine_ended(context, task, *late)


def _error(context: Context, task: Task) -> str:
    """What happened, and how far the task came."""
    text = f"deadline of {task.step.config.deadline:g} s passed"
    if task.step.is_container:
        progress = context.state.progress.get(task.key)
        if progress is None or task.step.loop is None or task.step.loop.items is None:
            return text
        known = progress.over if task.step.loop.is_stream else progress.size
        of_all = "" if task.step.loop.is_stream else f" of {progress.size}"
        return f"{text} after {progress.over}{of_all} iteration{'' if known == 1 else 's'}"
    begun = task.try_number - (task.status is TaskStatus.ready and not task.is_asking)
    if not begun:
        return f"{text} before the first try"
    return f"{text} after {begun} {'try' if begun == 1 else 'tries'}"
