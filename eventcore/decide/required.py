"""Steps that must run: where it is certain that one will not, it fails, so that the run is no success.

Nothing is added to a run that has failed already or that its user has cancelled, in whole or this part of it.
"""

from __future__ import annotations

from eventcore.decide import ending, halting, resources
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Task
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus

NOT_REACHED = "it must run, but what it requires cannot come any more"
NOT_STARTED = "it must run, but its iteration was ended before it could start"
NOTHING_INSIDE = "a step inside must run, but what this one requires cannot come any more"


def fails(context: Context, step: Step, at: Iteration) -> bool:
    """Have a step fail that must run and will not; False where that changes nothing."""
    if not _is_missed(context, step, at):
        return False
    ending.fail_unstarted(context, step, at, NOT_REACHED if step.config.must_run else NOTHING_INSIDE)
    return True


def ended_ready(context: Context, task: Task) -> None:
    """End a task that was ready when its iteration was ended, as a failure or as cancelled."""
    if _is_missed(context, task.step, task.at):
        resources.withdraw(context, task)
        ending.engine_ended(context, task, TaskStatus.failure, NOT_STARTED)
    else:
        halting.cancel(context, task)


def _is_missed(context: Context, step: Step, at: Iteration) -> bool:
    state = context.state
    if not step.place.must_run or state.failures or state.cancelled:
        return False
    around = at.container
    while around is not None and (around.ending is None or around.ending.status is not TaskStatus.cancelled):
        around = around.at.container
    return around is None
