"""What follows from the end of a try for its task, and from the end of a task for the run."""

from __future__ import annotations

import json
from collections.abc import Iterable

from eventcore.decide import failure, halting, resources, retrying, slots, tasks
from eventcore.decide.changes import Attempt
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.items import recorded_items
from eventcore.define.program import Role
from eventcore.define.status import StepStatus, TaskStatus

Raised = Iterable[tuple[str, str | None]]


def worker_ended(context: Context, task: Task, ok: bool, result: str | None, error: str | None,
                 traceback: str | None, raised: Raised) -> None:  # fmt: skip
    """A try has ended: record it, and either try again or end the task.

    `raised` has the events that the function triggered, each with its sequence, None for the task's own.
    """
    slots.free_slots(context, task)
    unknown = sorted({event for event, _ in raised if not context.plan.is_public(event)}) if ok and raised else []
    if unknown:
        ok, result, traceback = False, None, None
        error = (
            f"the step triggered event {unknown[0]!r}, which is not in the program; declare it with add_event, or "
            "trigger one that is"
        )
    attempts = context.changes.attempts
    if task.ending and not ok:
        cancelled = "cancelled on request"
        attempts.append(
            Attempt(task, task.try_number, TaskStatus.cancelled, task.started, context.now, cancelled, None)
        )
        task_over(context, task, TaskStatus.cancelled)
        return
    status = TaskStatus.success if ok else TaskStatus.failure
    if not ok or task.try_number > 1:  # a first try that succeeds has no row but its task's
        attempts.append(Attempt(task, task.try_number, status, task.started, context.now, error, traceback))
    if not ok and retrying.tries_again(context, task):
        return
    if raised:
        task.raised = json.dumps([(event, sequence or task.sequence) for event, sequence in raised])
    task_over(context, task, status, result)


def engine_ended(
    context: Context, task: Task, status: TaskStatus, error: str | None = None, traceback: str | None = None
) -> None:
    """End a task that no worker has; an error is recorded as that of its one try."""
    if error is not None:
        context.changes.attempts.append(Attempt(task, 1, status, task.started, context.now, error, traceback))
    task_over(context, task, status)


def task_over(context: Context, task: Task, status: TaskStatus, result: str | None = None) -> None:
    """End the task: record it, free what it held and raise the events that follow."""
    tasks.set_status(context, task, status)
    if result is not None:
        if task.step.role is Role.items:
            context.changes.items.append((task, recorded_items(result), None))
        elif task.step.role is Role.until:
            task.clean = result == "true"
        elif task.step.role is not Role.stream:
            context.changes.results[task.key] = result
    if status is TaskStatus.cancelled:
        resources.withdraw(context, task)
    elif task.holds or task.step.releases:
        resources.give_back(context, task)
    if status is TaskStatus.success:
        context.raise_triggers(task, StepStatus.success)
        context.raise_triggers(task, StepStatus.complete)
    elif status is TaskStatus.failure:
        failure.happened(context, task)
        failed(context, task)
    else:
        halting.void(context, task.step, task.at)
    if task.raised and status is not TaskStatus.failure:
        raise_own(context, task)


def failed(context: Context, task: Task) -> None:
    """Raise the events that follow from the task's failure."""
    context.raise_triggers(task, StepStatus.failure)
    context.raise_triggers(task, StepStatus.complete)
    if task.raised:
        raise_own(context, task)


def raise_own(context: Context, task: Task) -> None:
    """Raise the events that the step's function triggered; they are recorded for when recovery skips the step."""
    for event, sequence in json.loads(task.raised or "[]"):
        if context.plan.is_public(event):
            context.raise_event(context.plan.events[event], sequence)
