"""What a failure means for the run.

A failure is handled if the step maps an event to failure or complete, or if the layer above says so. Otherwise the
verdict is a failure, and with `stop_on_exception` nothing new starts: running tasks may finish, delays are not awaited.
"""

from __future__ import annotations

from eventcore.decide import halting
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.program import Step


def happened(context: Context, task: Task) -> None:
    """Count the failure if nothing handles it, and stop the run if the step is configured to."""
    if is_handled(task.step, unstarted=task.started is None):
        return
    context.state.failures += 1
    if context.plan.config.of_step(task.step.config, "stop_on_exception"):
        halting.stop(context)


def is_handled(step: Step, *, unstarted: bool) -> bool:
    """Whether the failure of the step is handled; for a step inside that had to run, what is around it does not count.

    Such a step has not run where its container failed before it started.
    """
    misses = unstarted and step.is_container and step.place.must_run and not step.config.must_run
    return step.handles_failure and not misses
