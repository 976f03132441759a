"""Retries: each try of a task is an attempt, and only the last failure counts as the task's.

Retries are counted by failures: a try that was lost with its engine uses up none.
"""

from __future__ import annotations

from random import Random

from eventcore.decide import delays, halting, resources, slots, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.config import Backoff, RetryDelay
from eventcore.define.due import due_at
from eventcore.define.status import TaskStatus


def tries_again(context: Context, task: Task) -> bool:
    """Send the task back to ready if it has a try left; like every ready task, it ends with its iteration.

    A wait has none left: its time is up.
    """
    if task.step.wait is not None:
        return False
    config, failures = context.plan.config, task.try_number - task.lost
    if failures > config.of_step(task.step.config, "retries"):
        return False
    wait = wait_before(config.of_step(task.step.config, "retry_delay"), failures, f"{task!r}")
    task.try_number += 1
    task.is_asking = False
    task.due = due_at(context.now, wait)
    tasks.set_status(context, task, TaskStatus.ready)
    if task.at.halted and not task.step.place.survives:
        halting.cancel(context, task)
        return True
    if task.holds:
        resources.withdraw(context, task)
    delays.set_timer(context, task.due, task)
    return True


def asks_again(context: Context, task: Task, after: float) -> None:
    """Send the task back to ready for so many seconds: what it waits for has not happened, and that is no try."""
    task.due = due_at(context.now, after)
    task.is_asking = True
    tasks.set_status(context, task, TaskStatus.ready)
    if task.at.halted and not task.step.place.survives:
        halting.cancel(context, task)
        return
    if task.holds:
        resources.withdraw(context, task)
    delays.set_timer(context, task.due, task)


def due_again(context: Context, task: Task) -> None:
    """Queue the task for its next try, for which it has waited long enough."""
    if task.status is TaskStatus.ready:
        task.due = None
        slots.make_ready(context, task)


def wait_before(delay: RetryDelay, failures: int, seed: str) -> float:
    """Seconds to wait after so many failures; the last entry of a list holds for all further ones.

    The jitter is derived from `seed` and the number of failures, so that repeating a decision gives the same result.
    """
    if isinstance(delay, list):
        return delay[min(failures, len(delay)) - 1] if delay else 0.0
    if isinstance(delay, Backoff):
        try:
            wait = min(delay.max, delay.first * delay.factor ** (failures - 1))
        except OverflowError:
            wait = delay.max if delay.first else 0.0
        return wait * (1 + delay.jitter * Random(f"{seed}.{failures}").random())
    return float(delay)
