"""What the end of a try means for its task, and the end of a task for the run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from eventcore.decide import failure, halting, resources, retrying, scheduling
from eventcore.decide.changes import Attempt
from eventcore.decide.state import Task
from eventcore.define.status import StepStatus, TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn

Raised = Iterable[tuple[str, str | None]]


def worker_ended(turn: Turn, task: Task, ok: bool, result: str | None, error: str | None, traceback: str | None,
                 raised: Raised) -> None:  # fmt: skip
    """A worker is through with a try: record it, and either try again or end the task."""
    scheduling.free_places(turn, task)
    unknown = sorted({event for event, _ in raised if event not in turn.plan.events}) if ok else []
    if unknown:
        ok, result, traceback = False, None, None
        error = f"the step raised event {unknown[0]!r}, which the program does not have"
    status = TaskStatus.success if ok else TaskStatus.failure
    if task.ending and not ok:
        turn.changes.attempts.append(
            Attempt(task, task.try_number, TaskStatus.cancelled, task.started, turn.now, "cancelled on request", None)
        )
        task_over(turn, task, TaskStatus.cancelled, None, None, None, ())
        return
    if not ok or task.try_number > 1:  # a first try that succeeds is told by its task alone
        turn.changes.attempts.append(Attempt(task, task.try_number, status, task.started, turn.now, error, traceback))
    if not ok and retrying.tries_again(turn, task):
        return
    task_over(turn, task, status, result, error, traceback, raised)


def task_over(turn: Turn, task: Task, status: TaskStatus, result: str | None, error: str | None, traceback: str | None,
              raised: Raised) -> None:  # fmt: skip
    """The task's last word: record it, free what it held and raise what follows from it."""
    task.status = status
    task.ended = turn.now
    turn.state.live.pop(task.key, None)
    turn.changes.touched(task)
    if error is not None and task.step.control is not None:
        turn.changes.attempts.append(Attempt(task, 1, status, task.started, turn.now, error, traceback))
    if result is not None:
        turn.changes.results[task.key] = result
        if task.step.placement.hidden:
            task.result = result
    elif error is not None and task.step.placement.hidden:
        task.memo = error
    turn.changes.ended.append(task)
    if task.holds or task.step.releases:
        resources.give_back(turn, task)
    if status is TaskStatus.success:
        turn.raise_triggers(task, StepStatus.success)
        turn.raise_triggers(task, StepStatus.complete)
    elif status is TaskStatus.failure:
        failure.happened(turn, task)
        turn.raise_triggers(task, StepStatus.failure, fresh=True)
        turn.raise_triggers(task, StepStatus.complete, fresh=True)
    elif status is TaskStatus.cancelled:
        halting.void(turn, task.step, task.sequence)
    if raised:
        task.memo = json.dumps([(event, sequence or task.sequence) for event, sequence in raised])
        raise_own(turn, task)


def raise_own(turn: Turn, task: Task) -> None:
    """Raise what the step itself raised while it ran; the task's memo keeps it for when recovery skips the step."""
    for event, sequence in json.loads(task.memo or "[]"):
        if event in turn.plan.events:
            turn.raise_event(turn.plan.events[event], sequence)
