"""Conditions: hidden steps whose results decide whether another step is reached.

What one has come to is recorded as the event that its task raised, so that neither recovery nor another engine asks
again. Where it could not be evaluated, the step that it guards fails.
"""

from __future__ import annotations

import json

from eventcore.decide import ending
from eventcore.decide.context import Context
from eventcore.decide.state import Task


def decided(task: Task, result: str | None) -> None:
    """Note which event follows from the result of a condition, which is true or false as JSON."""
    choice = task.step.choice
    assert choice is not None
    event = choice.holds if result == "true" else choice.fails
    task.raised = json.dumps([(event.name, task.sequence)])


def failed(context: Context, task: Task) -> None:
    """Have the guarded step fail, as its condition could not be evaluated."""
    assert task.step.choice is not None
    step = context.plan.steps[task.step.choice.step]
    last = next((a for a in reversed(context.changes.attempts) if a.task is task), None)
    why, traceback = (None, None) if last is None else (last.error, last.traceback)
    ending.fail_unstarted(
        context, step, task.at, f"its condition could not be evaluated: {why or 'see its log'}", traceback
    )
