"""Halting an iteration: nothing new starts in it.

Running tasks may finish, ready tasks and waits are cancelled, and the `void` event of each step that will not run tells
those that depend on it. The iterations inside are halted, too. Steps that survive are left alone with all that is
inside them: they start when what they require has come, such as the end of the steps that ran.
"""

from __future__ import annotations

from eventcore.decide import delays, resources, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import SIGNAL, Ending, Iteration, Task
from eventcore.define.event import EventKind
from eventcore.define.program import Role, Step
from eventcore.define.status import StepStatus, TaskStatus


def halt(context: Context, iteration: Iteration) -> None:
    """Let nothing new start in the iteration."""
    if iteration.halted:
        return
    iteration.halted = True
    if iteration.container is not None:
        context.changes.over[iteration.scope, iteration.sequence] = iteration
    for delay in list(iteration.delays):
        if not delay.association.survives:
            delays.drop(context, delay)
    for step in context.plan.members.get(iteration.scope, ()):
        if step.place.survives:
            continue
        task = iteration.tasks.get(step.name)
        if task is None and not _is_being_decided(context, step, iteration):
            void(context, step, iteration)
        elif task is not None and task.status is TaskStatus.ready and step.place.must_run:
            void(context, step, iteration)  # which ends it
        elif task is not None and (task.status is TaskStatus.ready or task.ticket == SIGNAL):
            cancel(context, task)
        elif task is not None and step.role is Role.stream:
            give_up(context, task)
    for inner in list(iteration.inner.values()):
        if inner.container is None or not inner.container.step.place.survives:
            halt(context, inner)


def _is_being_decided(context: Context, step: Step, iteration: Iteration) -> bool:
    """Whether a worker evaluates the step's condition: what becomes of the step follows from that."""
    condition = iteration.tasks.get(context.plan.conditions.get(step.name, ""))
    return condition is not None and condition.status is TaskStatus.active


def halt_run(context: Context) -> None:
    """Let nothing new start in the whole run but steps that survive; without any, `starts_nothing` says it all."""
    if context.plan.has_survivors:
        for iteration in [one for one in context.state.iterations.values() if one.container is None]:
            halt(context, iteration)


def outlives(task: Task, ended: Task | None = None) -> bool:
    """Whether the task, or a container around it, survives that its iteration ends, a container `ended` or the run."""
    around: Task | None = task
    while around is not None and around is not ended:
        if around.step.place.survives:
            return True
        around = around.at.container
    return False


def stop(context: Context) -> None:
    """Let nothing new start in the run, except for what survives that."""
    context.state.stopped = True
    give_up_streams(context)
    if not context.state.interrupted:
        halt_run(context)


def give_up_streams(context: Context) -> None:
    """Wait for no items of streams, which may be long in coming."""
    if context.plan.has_streams:
        for task in context.state.running.values():
            if task.step.role is Role.stream:
                give_up(context, task)


def give_up(context: Context, task: Task) -> None:
    """Have the worker of a stream that was asked for an item given up."""
    if task.key in context.state.running and task.ending is None:
        task.ending = Ending(TaskStatus.cancelled, "given up, as no further item is wanted")
        context.changes.cancels.append(task)


def cancel(context: Context, task: Task) -> None:
    """Cancel a ready task, or a wait."""
    tasks.set_status(context, task, TaskStatus.cancelled)
    resources.withdraw(context, task)
    gone(context, task)


def gone(context: Context, task: Task) -> None:
    """Raise what follows from the end of a task that is cancelled or omitted.

    That it is over comes last, and follows from its `void` event, so that an iteration does not end before all is told.
    """
    if task.step.place.void is None or task.step.place.void.kind is not EventKind.void:
        context.raise_triggers(task, StepStatus.over)
    void(context, task.step, task.at)


def void(context: Context, step: Step, at: Iteration) -> None:
    """Trigger the event that says that the step will not run in this iteration, if it has one."""
    if step.place.void is not None:
        context.agenda.append((step.place.void, at))
