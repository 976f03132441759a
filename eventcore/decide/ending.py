"""What follows from the end of a try for its task, and from the end of a task for the run."""

from __future__ import annotations

import json

from eventcore.decide import conditions, failure, halting, members, resources, retrying, tasks
from eventcore.decide.changes import Attempt
from eventcore.decide.context import Context
from eventcore.decide.state import Ending, Iteration, Task
from eventcore.define.event import EventKind
from eventcore.define.items import recorded_items
from eventcore.define.outcome import Outcome
from eventcore.define.program import Role, Step
from eventcore.define.status import StepStatus, TaskStatus


def try_ended(context: Context, task: Task, outcome: Outcome) -> None:
    """A try has succeeded or failed: record it, and either try again or end the task."""
    ok, result, error, traceback = outcome.ok, outcome.result, outcome.error, outcome.traceback
    raised = outcome.raised
    unknown = sorted({event for event, _ in raised if not context.plan.is_public(event)}) if ok and raised else []
    if unknown:
        ok, result, traceback = False, None, None
        error = (
            f"the step triggered event {unknown[0]!r}, which is not in the program; declare it with add_event, or "
            "trigger one that is"
        )
    attempts = context.changes.attempts
    if task.ending is not None and not ok:
        cut_short(context, task, task.ending)
        return
    status = TaskStatus.success if ok else TaskStatus.failure
    if not ok or task.try_number > 1:  # a first try that succeeds has no row but its task's
        attempts.append(Attempt(task, task.try_number, status, task.started, context.now, error, traceback))
    if not ok and retrying.tries_again(context, task):
        return
    if raised:
        task.raised = json.dumps([(event, sequence or task.sequence) for event, sequence in raised])
    if ok and task.step.role is Role.condition:
        conditions.decided(task, result)
    task_over(context, task, status, result)


def cut_short(context: Context, task: Task, how: Ending) -> None:
    """End an active task because a user, or its deadline, wants that."""
    attempt = Attempt(task, task.try_number, how.status, task.started, context.now, how.error, None)
    context.changes.attempts.append(attempt)
    task_over(context, task, how.status)


def omit(context: Context, task: Task, reason: str) -> None:
    """End a task whose function found nothing to do: what follows is as if it were certain not to run."""
    context.changes.attempts.append(
        Attempt(task, task.try_number, TaskStatus.omitted, task.started, context.now, reason, None)
    )
    task_over(context, task, TaskStatus.omitted)


def engine_ended(
    context: Context, task: Task, status: TaskStatus, error: str | None = None, traceback: str | None = None
) -> None:
    """End a task that no worker has; an error is recorded as that of its try, which perhaps never began."""
    if error is not None:
        began = task.started if task.status is TaskStatus.active else None
        context.changes.attempts.append(Attempt(task, task.try_number, status, began, context.now, error, traceback))
    task_over(context, task, status)


def fail_unstarted(context: Context, step: Step, at: Iteration, error: str, traceback: str | None = None) -> None:
    """Have a step fail that was never reached; as with every failure, it counts as having been ready and active."""
    task = tasks.create(context, step, at)
    context.raise_triggers(task, StepStatus.ready, StepStatus.active)
    members.none_came(context, task)
    engine_ended(context, task, TaskStatus.failure, error, traceback)


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
    if status in (TaskStatus.cancelled, TaskStatus.omitted):
        resources.withdraw(context, task)
    elif task.step.acquires or task.step.releases:
        resources.give_back(context, task)
    if status is TaskStatus.success:
        context.raise_triggers(task, StepStatus.success, StepStatus.complete, StepStatus.over)
    elif status is TaskStatus.failure:
        failure.happened(context, task)
        failed(context, task)
        if task.step.role is Role.condition:
            conditions.failed(context, task)
    else:
        halting.gone(context, task)
    if task.raised and status is not TaskStatus.failure:
        raise_own(context, task)


def failed(context: Context, task: Task) -> None:
    """Raise the events that follow from the task's failure."""
    context.raise_triggers(task, StepStatus.failure, StepStatus.complete, StepStatus.over)
    if task.raised:
        raise_own(context, task)


def raise_own(context: Context, task: Task) -> None:
    """Raise the events that the step's function triggered; they are recorded for when recovery skips the step."""
    for name, sequence in json.loads(task.raised or "[]"):
        event = context.plan.events.get(name)
        if event is not None and event.kind in (EventKind.public, EventKind.choice):
            context.raise_event(event, sequence)
