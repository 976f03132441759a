"""Makes tasks and changes their status; no other file sets a task's status."""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Task
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus


def create(context: Context, step: Step, at: Iteration, status: TaskStatus = TaskStatus.ready) -> Task:
    """The step's one task in the iteration."""
    task = at.tasks[step.name] = Task(step, at, status)
    context.changes.created[task.key] = task
    if not status.is_over:
        context.state.live[task.key] = task
    return task


def set_status(context: Context, task: Task, status: TaskStatus) -> None:
    """Set the task's status, and have it recorded with this turn."""
    task.status = status
    if status is TaskStatus.active:
        if not task.is_asking:
            task.started = context.now
        task.due = None
    elif status.is_over:
        task.ended = context.now
        if task.ticket is not None:
            released(context, task)
        context.state.live.pop(task.key, None)
        context.changes.ended.append(task)
    context.changes.touched(task)


def released(context: Context, task: Task) -> None:
    """A task waits for no answer any more."""
    task.ticket = task.due = None
    context.state.deferred.pop((task.step.path, task.sequence), None)


def took(context: Context, task: Task, seconds: float) -> None:
    """Note that the task's try, which is over, began only so many seconds ago: before that, it waited for a worker."""
    if task.started is not None and not task.is_asking:
        task.started = max(task.started, context.now - seconds)
