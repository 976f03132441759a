"""Recovery: what a new recovery does with tasks that are in the run's history.

The program is walked again from its start events. For each task reached, the latest status that any earlier recovery
recorded for the same step and sequence meets the step's policy, however the task was reached: a skip carries the result
over and raises the success triggers, everything else runs.
"""

from __future__ import annotations

from eventcore.decide import ending, halting, resources, tasks
from eventcore.decide.context import Context
from eventcore.decide.history import History, Past
from eventcore.decide.state import Iteration, Task
from eventcore.define.program import Step
from eventcore.define.status import StepReplay, StepStatus, TaskStatus

_policy_word = {
    TaskStatus.ready: StepStatus.ready,
    TaskStatus.cancelled: StepStatus.ready,
    TaskStatus.active: StepStatus.active,
    TaskStatus.success: StepStatus.success,
    TaskStatus.skipped: StepStatus.success,
    TaskStatus.omitted: StepStatus.success,
    TaskStatus.failure: StepStatus.failure,
}


def replay(step: Step, status: TaskStatus) -> StepReplay:
    """What the step's policy says of a task left in this status."""
    return step.replay[_policy_word[status]]


def skips(step: Step, past: Past, history: History) -> bool:
    """Whether the task is skipped; a container only where walking it again could change nothing."""
    if past.ticket is not None or replay(step, past.status) is not StepReplay.skip:
        return False
    if not step.is_container:
        return True
    if step.loop is not None and (step.loop.tallies or step.loop.exports):
        return False  # what is asked of its members follows from walking it
    return past.status.is_done and bool(past.clean) and history.same_program


def leave(context: Context, step: Step, at: Iteration, past: Past | None) -> None:
    """Leave a task that is not to run as it ended, and go on as it went on then.

    One that would have run is held back: it never ended, or with a failure that nothing handles.
    """
    if past is not None and (past.status.is_done or past.status is TaskStatus.omitted):
        skip(context, step, at, past)
    elif past is not None and past.status is TaskStatus.failure and step.handles_failure:
        task = at.tasks[step.name] = Task(step, at, past.status)
        task.raised = past.raised
        ending.failed(context, task)
    elif past is not None and past.status is TaskStatus.cancelled and context.history.is_success:
        task = at.tasks[step.name] = Task(step, at, past.status)
        halting.gone(context, task)
    else:
        context.state.held_back += 1


def skip(context: Context, step: Step, at: Iteration, past: Past) -> None:
    """Record the task as skipped, with its result of then, and go on as after its success; or as omitted again."""
    if past.status is TaskStatus.omitted:
        task = tasks.create(context, step, at, TaskStatus.omitted)
        task.started, task.ended = past.started, past.ended
        context.raise_triggers(task, StepStatus.ready, StepStatus.active)
        halting.gone(context, task)
        return
    task = tasks.create(context, step, at, TaskStatus.skipped)
    task.started, task.ended, task.raised, task.clean = past.started, past.ended, past.raised, past.clean
    context.changes.carried.append((task, past.recovery))
    if step.acquires or step.releases:
        resources.carry_over(context, task)
    context.raise_triggers(task, StepStatus.success, StepStatus.complete, StepStatus.over)
    if task.raised and past.status.is_done:
        ending.raise_own(context, task)
