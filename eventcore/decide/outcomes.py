"""What a worker reports of a task, and which rule takes it up."""

from __future__ import annotations

from eventcore.decide import deferring, ending, retrying, slots
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.outcome import Again, Outcome, Skipped
from eventcore.define.program import Role

NO_LOOP = Outcome(False, error="a function that computes a loop must return it; it cannot skip, defer or ask again")


def worker_ended(context: Context, task: Task, outcome: Outcome) -> None:
    """A worker is through with the task: its try has ended, was skipped or deferred, or is to be repeated."""
    slots.free_slots(context, task)
    instead = outcome.instead
    if instead is None:
        ending.try_ended(context, task, outcome)
    elif task.ending:
        ending.cancelled(context, task)
    elif task.step.role is Role.items:
        ending.try_ended(context, task, NO_LOOP)
    elif isinstance(instead, Skipped):
        ending.omit(context, task, instead.reason)
    elif isinstance(instead, Again):
        retrying.asks_again(context, task, instead.after)
    else:
        deferring.begin(context, task, outcome, instead)
