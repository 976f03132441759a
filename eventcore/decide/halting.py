"""Ending a part of the program where an event that halts is triggered.

What runs there may finish. What has not started never will: it is cancelled where it was ready, and its `void` event
says so to those who wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.decide import delays, resources
from eventcore.decide.state import Cell, Task
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


def halt(turn: Turn, cell: Cell) -> None:
    """Let nothing new start in the cell."""
    cell.halted = True
    for delay in list(cell.delays):
        delays.drop(turn, delay)
    for step in turn.plan.members.get(cell.scope, ()):
        if step.control is not None and step.control.housekeeping:
            continue
        task = cell.tasks.get(step.name)
        if task is None:
            void(turn, step, cell.sequence)
        elif task.status is TaskStatus.ready:
            cancel(turn, task)


def cancel(turn: Turn, task: Task) -> None:
    """End a task that was reached and has not started."""
    task.status = TaskStatus.cancelled
    task.ended = turn.now
    turn.state.live.pop(task.key, None)
    turn.changes.touched(task)
    turn.changes.ended.append(task)
    resources.withdraw(turn, task)
    void(turn, task.step, task.sequence)


def void(turn: Turn, step: Step, sequence: str) -> None:
    """It is certain now that the step will not run at this sequence."""
    if step.placement.void is not None:
        turn.raise_event(step.placement.void, sequence)
