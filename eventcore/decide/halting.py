"""Halting an iteration: nothing new starts in it.

Running tasks may finish, ready tasks are cancelled, and the `void` event of each step that will not run tells those
that depend on it. The iterations inside are halted, too. Where a user or a deadline wants more, what runs is ended.
"""

from __future__ import annotations

from eventcore.decide import delays, resources, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import Ending, Iteration, Task
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus


def halt(context: Context, iteration: Iteration) -> None:
    """Let nothing new start in the iteration of a container."""
    if iteration.halted:
        return
    iteration.halted = True
    context.changes.over[iteration.scope, iteration.sequence] = iteration
    for delay in list(iteration.delays):
        delays.drop(context, delay)
    for step in context.plan.members.get(iteration.scope, ()):
        task = iteration.tasks.get(step.name)
        if task is None:
            void(context, step, iteration)
        elif task.status is TaskStatus.ready:
            cancel(context, task)
    for inner in list(iteration.inner.values()):
        halt(context, inner)


def cancel(context: Context, task: Task) -> None:
    """Cancel a ready task."""
    tasks.set_status(context, task, TaskStatus.cancelled)
    resources.withdraw(context, task)
    void(context, task.step, task.at)


def end(context: Context, task: Task, how: Ending) -> None:
    """Cancel a ready task, or have the worker of an active one ended: it ends as `how` says when that is reported."""
    if task.status is TaskStatus.ready:
        cancel(context, task)
    elif task.key in context.state.running and task.ending is None:
        task.ending = how
        context.changes.cancels.append(task)


def end_inside(context: Context, container: Task, how: Ending, inside: Ending) -> None:
    """Let nothing new start in a container, and end what runs there; its own end follows from theirs."""
    container.ending = container.ending or how
    for iteration in list(container.at.inner.values()):
        if iteration.container is container:
            halt(context, iteration)
    loop = container.step.loop
    items = None if loop is None else container.at.tasks.get(loop.items or "")
    for task in [one for one in context.state.live.values() if one is items or _is_inside(one, container)]:
        end(context, task, inside)


def _is_inside(task: Task, container: Task) -> bool:
    """Whether the task belongs to an iteration of the container, at whatever depth."""
    around = task.at.container
    while around is not None and around is not container:
        around = around.at.container
    return around is container


def void(context: Context, step: Step, at: Iteration) -> None:
    """Trigger the event that says that the step will not run in this iteration, if it has one."""
    if step.place.void is not None:
        context.agenda.append((step.place.void, at))
