"""What a worker reports of a task, and which rule takes it up."""

from __future__ import annotations

from eventcore.decide import deferring, ending, retrying, slots
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.outcome import Again, Outcome, Skipped
from eventcore.define.program import Role

NO_VALUE = Outcome(
    False, error="what computes a loop or a condition, sets up or tears down cannot skip, defer or ask again"
)


def worker_ended(context: Context, task: Task, outcome: Outcome) -> None:
    """A worker is through with the task: its try has ended, was skipped or deferred, or is to be repeated."""
    slots.free_slots(context, task)
    instead = outcome.instead
    if instead is None:
        ending.try_ended(context, task, outcome)
    elif task.ending is not None:
        ending.cut_short(context, task, task.ending)
    elif task.step.role.is_hidden and not (task.step.role is Role.condition and isinstance(instead, Skipped)):
        ending.try_ended(context, task, NO_VALUE)
    elif isinstance(instead, Skipped):
        ending.omit(context, task, instead.reason)
    elif isinstance(instead, Again):
        retrying.asks_again(context, task, instead.after)
    else:
        deferring.begin(context, task, outcome, instead)
