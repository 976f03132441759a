"""Members: how many iterations of a loop, or steps of a container without one, have a status.

What is asked of them is told as soon as it is certain, while the others still run; it is recorded, as it does not
follow from the status of the container's task. Iterations are counted here, steps by expressions inside the container.
"""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Progress, Task
from eventcore.define.event import Event
from eventcore.define.status import StepStatus


def export(context: Context, event: Event, at: Iteration) -> None:
    """Pass an event from inside a container on to the container's own level."""
    if at.container is not None and at.container.step.loop is not None:
        context.agenda.append((at.container.step.loop.exports[event.name], at.container.at))


def count(context: Context, progress: Progress, *, goes_on: bool) -> None:
    """Tell what is certain of the iterations of a loop; where it does not go on, those that have not begun are over."""
    task = progress.task
    for tally in task.step.loop.tallies if task.step.loop is not None else ():
        have = _have(progress, tally.status)
        left = progress.begun - (progress.begun if tally.status in _AT_BEGIN else progress.over)
        if goes_on and _has_open_end(progress):
            if tally.least is None:
                continue  # how many are all is known at the end
            left = tally.least
        elif goes_on:
            left += progress.size - progress.begun
        elif tally.status is StepStatus.over:
            have += progress.size - progress.begun
        least = progress.size if tally.least is None else tally.least
        if have >= least:
            context.agenda.append((tally.came, task.at))
        elif have + left < least:
            context.agenda.append((tally.never, task.at))


def none_came(context: Context, task: Task) -> None:
    """A container has ended without being walked."""
    if task.step.loop is not None:
        context.agenda.extend((event, task.at) for event in task.step.loop.unwalked)


def _has_open_end(progress: Progress) -> bool:
    loop = progress.task.step.loop
    return loop is not None and (loop.is_stream or loop.until is not None)


_AT_BEGIN = (StepStatus.ready, StepStatus.active)


def _have(progress: Progress, status: StepStatus) -> int:
    if status in _AT_BEGIN:
        return progress.begun
    if status is StepStatus.over:
        return progress.over
    if status is StepStatus.failure:
        return progress.failed
    succeeded = progress.over - progress.failed - progress.cancelled
    return succeeded if status is StepStatus.success else succeeded + progress.failed
