"""Open ends: loops that go on until a condition holds, one iteration after the other, up to a limit.

A step in each iteration asks, when all others in it are over without a failure. Its answer is recorded with its task,
so it is asked once for each iteration. The iteration that ends the loop is walked again in a recovery that walks the
container, which so finds the answer.
"""

from __future__ import annotations

from eventcore.decide import around
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Progress, Task
from eventcore.define.scopes import Loop
from eventcore.define.status import TaskStatus


def asked(context: Context, iteration: Iteration, progress: Progress) -> None:
    """An iteration is over: take down what its condition said."""
    condition = iteration.tasks.get(_loop(progress.task).until or "")
    if condition is None:
        return
    if condition.status is TaskStatus.failure:
        error, traceback = around.last_error(context, condition)
        progress.trouble = f"its condition failed: {error or 'see its log'}", traceback
        progress.broken = True  # whatever `stop_on_exception` says: nobody knows whether there is to be another one
    elif condition.status.is_done and condition.clean:
        progress.has_held = True
        iteration.clean = False


def wants_more(task: Task, progress: Progress) -> bool:
    """Whether a further iteration may begin."""
    return not (is_met(task, progress) or progress.size >= _loop(task).limit)


def is_met(task: Task, progress: Progress) -> bool:
    """Whether the condition has held; a container that is torn down is one whose loop is over."""
    return progress.has_held or (around.is_closing(task) and progress.begun > 0 and not progress.broken)


def is_exhausted(task: Task, progress: Progress) -> bool:
    """Whether the last iteration that may be has ended, and the condition has not held."""
    if is_met(task, progress) or progress.begun < _loop(task).limit:
        return False
    progress.broken = True
    return True


def trouble(task: Task, progress: Progress) -> tuple[str, str | None] | None:
    """What is to be said of a loop that fails by its condition, and the traceback."""
    limit = _loop(task).limit
    if progress.trouble is None and progress.broken and not progress.failed:
        return f"its condition did not hold within its limit of {limit} iteration{'' if limit == 1 else 's'}", None
    return progress.trouble


def _loop(task: Task) -> Loop:
    assert task.step.loop is not None
    return task.step.loop
