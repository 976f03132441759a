"""Which events a task has raised, by its status."""

from __future__ import annotations

from collections.abc import Mapping

from eventcore.define.status import StepStatus, TaskStatus

#: the statuses whose events a task with this status has triggered
RAISED_BY: Mapping[TaskStatus, tuple[StepStatus, ...]] = {
    TaskStatus.ready: (StepStatus.ready,),
    TaskStatus.active: (StepStatus.ready, StepStatus.active),
    TaskStatus.success: (
        StepStatus.ready,
        StepStatus.active,
        StepStatus.success,
        StepStatus.complete,
        StepStatus.over,
    ),
    TaskStatus.failure: (
        StepStatus.ready,
        StepStatus.active,
        StepStatus.failure,
        StepStatus.complete,
        StepStatus.over,
    ),
    TaskStatus.skipped: (StepStatus.success, StepStatus.complete, StepStatus.over),
    TaskStatus.omitted: (StepStatus.ready, StepStatus.active, StepStatus.over),
    TaskStatus.cancelled: (StepStatus.ready, StepStatus.over),
}
