"""Retries: each try of a task is an attempt, and only the last failure counts as the task's."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from eventcore.decide import delays, halting, scheduling
from eventcore.decide.state import Task
from eventcore.define.config import Backoff, RetryDelay
from eventcore.define.status import TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


def tries_again(turn: Turn, task: Task) -> bool:
    """Send the task back to ready where it has a try left; like all that is ready, it ends with its part."""
    config = turn.plan.config
    if task.try_number - task.lost > config.of_step(task.step.config, "retries"):
        return False
    wait = wait_before(config.of_step(task.step.config, "retry_delay"), task.try_number, f"{task!r}")
    task.try_number += 1
    task.status = TaskStatus.ready
    task.due = turn.now + wait
    turn.changes.touched(task)
    if turn.cell(task.step.placement.scope, task.sequence).halted:
        halting.cancel(turn, task)
    else:
        delays.set_timer(turn, task.due, task)
    return True


def due_again(turn: Turn, task: Task) -> None:
    """The wait before the next try is over."""
    if task.status is TaskStatus.ready:
        task.due = None
        scheduling.make_ready(turn, task)


def wait_before(delay: RetryDelay, tries_made: int, seed: str) -> float:
    """Seconds to wait after so many tries; a list's last entry serves all that follow.

    The jitter is drawn from `seed` and the try, so that a decision is the same however often it is made.
    """
    if isinstance(delay, list):
        return delay[min(tries_made, len(delay)) - 1] if delay else 0.0
    if isinstance(delay, Backoff):
        try:
            wait = min(delay.max, delay.first * delay.factor ** (tries_made - 1))
        except OverflowError:
            wait = delay.max if delay.first else 0.0
        return wait * (1 + delay.jitter * Random(f"{seed}.{tries_made}").random())
    return float(delay)
