"""Recovery: what a new recovery of a run does with what it finds in history.

The program is walked again from its start events. For each task reached, the latest status that any earlier recovery
recorded for the same step and sequence meets the step's policy: a skip carries the result over and raises the success
triggers, everything else runs. What a failure of this recovery sets in motion is reached fresh: history does not count
there, so a handler runs again when its step fails again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.decide import ending, resources
from eventcore.decide.state import Cell, History, Past, Task
from eventcore.define.program import Step
from eventcore.define.status import StepReplay, StepStatus, TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn

CLEAN = "clean"  #: the memo of a control step under which everything succeeded
CLOSED = "closed"  #: the memo of a control step after which its cell is closed for good
CLOSED_CLEAN = "closed clean"  #: the same where everything in the cell succeeded

_policy_word = {
    TaskStatus.ready: StepStatus.ready,
    TaskStatus.cancelled: StepStatus.ready,
    TaskStatus.active: StepStatus.active,
    TaskStatus.success: StepStatus.success,
    TaskStatus.skipped: StepStatus.success,
    TaskStatus.failure: StepStatus.failure,
}


def replay(step: Step, status: TaskStatus) -> StepReplay:
    """What the step's policy says of a task left in this status."""
    return step.replay[_policy_word[status]]


def skips(step: Step, past: Past, history: History) -> bool:
    """Whether the task is skipped; a container only where walking it again could change nothing."""
    if replay(step, past.status) is not StepReplay.skip:
        return False
    if step.control is None or not step.control.walks_again:
        return True
    return past.status.is_done and past.memo == CLEAN and history.same_program


def skip(turn: Turn, cell: Cell, step: Step, past: Past) -> None:
    """Record the task as skipped, with its result of then, and go on as after its success."""
    task = cell.tasks[step.name] = Task(step, cell.sequence, TaskStatus.skipped)
    task.started, task.ended, task.memo = past.started, past.ended, past.memo
    turn.changes.carried.append((task, past.recovery))
    turn.changes.created[task.key] = task
    if step.acquires or step.releases:
        resources.carry_over(turn, task)
    turn.raise_triggers(task, StepStatus.success)
    turn.raise_triggers(task, StepStatus.complete)
    if step.control is None and past.status.is_done:
        ending.raise_own(turn, task)
