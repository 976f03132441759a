"""What a failure does to the run.

A failure is handled when the step maps an event to failure or complete, or when the layer above says so. One that is
not makes the verdict a failure, and with `stop_on_exception` lets nothing new start: what runs may finish, delays are
not awaited.
"""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.state import Task


def happened(context: Context, task: Task) -> None:
    """Count the failure where nothing handles it, and stop the run where the step is configured to."""
    if task.step.handles_failure:
        return
    context.state.failures += 1
    if context.plan.config.of_step(task.step.config, "stop_on_exception"):
        context.state.stopped = True
