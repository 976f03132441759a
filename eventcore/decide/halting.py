"""Ending an iteration before its time.

What runs in it may finish. What has not started never will: it is cancelled where it was ready, and its `void` event
says so to those who wait for it. Iterations inside it are halted with it.
"""

from __future__ import annotations

from eventcore.decide import delays, resources, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Task
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
    """End a task that was reached and has not started."""
    tasks.set_status(context, task, TaskStatus.cancelled)
    resources.withdraw(context, task)
    void(context, task.step, task.at)


def void(context: Context, step: Step, at: Iteration) -> None:
    """Note that the step will certainly not run in this iteration."""
    if step.place.void is not None:
        context.agenda.append((step.place.void, at))
