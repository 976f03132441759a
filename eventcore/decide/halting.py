"""Halting an iteration: nothing new starts in it.

Running tasks may finish, ready tasks are cancelled, and the `void` event of each step that will not run tells those
that depend on it. The iterations inside are halted, too. A step that `survives` is left out of all this.
"""

from __future__ import annotations

from eventcore.decide import delays, resources, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Task
from eventcore.define.program import Role, Step
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
        if step.place.survives:
            continue
        if task is None:
            void(context, step, iteration)
        elif task.status is TaskStatus.ready:
            cancel(context, task)
        elif step.role is Role.stream:
            give_up(context, task)
    for inner in list(iteration.inner.values()):
        halt(context, inner)


def stop(context: Context) -> None:
    """Let nothing new start in the run, except for what survives that.

    Where a container has a teardown, iterations end, as there would be no end of them to wait for.
    """
    context.state.stopped = True
    give_up_streams(context)
    if context.plan.has_teardowns and not context.state.interrupted:
        halt_all(context)


def give_up_streams(context: Context) -> None:
    """Wait for no items of streams, which may be long in coming."""
    if context.plan.has_streams:
        for task in context.state.running.values():
            if task.step.role is Role.stream:
                give_up(context, task)


def give_up(context: Context, task: Task) -> None:
    """Have the worker of an active task ended, or given up where it cannot be."""
    if task.key in context.state.running and not task.ending:
        task.ending = True
        context.changes.cancels.append(task)


def halt_all(context: Context) -> None:
    """Let nothing new start in any iteration of any container."""
    for iteration in [one for one in context.state.iterations.values() if one.container is not None]:
        halt(context, iteration)


def cancel(context: Context, task: Task) -> None:
    """Cancel a ready task."""
    tasks.set_status(context, task, TaskStatus.cancelled)
    resources.withdraw(context, task)
    void(context, task.step, task.at)


def void(context: Context, step: Step, at: Iteration) -> None:
    """Trigger the event that says that the step will not run in this iteration, if it has one."""
    if step.place.void is not None:
        context.agenda.append((step.place.void, at))
