"""A small durable event kernel.

Layers, from the inside out: `decide` holds the semantics as pure functions, `record` keeps the run in a database,
`act` runs steps and keeps time; `eventor` is the face that programs see.
"""

from eventcore.act.current import Current, current
from eventcore.act.executors.invoke import InvokeExecutor as Invoke
from eventcore.define.expression import and_, or_
from eventcore.define.pools import Resource, ResourcePool
from eventcore.define.program import Event, Step
from eventcore.define.status import (
    RUN_CONTINUE,
    RUN_RECOVER,
    RUN_RESTART,
    STEP_ACTIVE,
    STEP_COMPLETE,
    STEP_FAILURE,
    STEP_READY,
    STEP_RERUN,
    STEP_SKIP,
    STEP_SUCCESS,
    RunMode,
    StepReplay,
    StepStatus,
    StepTriggers,
    TaskStatus,
    Verdict,
)
from eventcore.errors import EventcoreError
from eventcore.run.eventor import Eventor

__all__ = [
    "RUN_CONTINUE",
    "RUN_RECOVER",
    "RUN_RESTART",
    "STEP_ACTIVE",
    "STEP_COMPLETE",
    "STEP_FAILURE",
    "STEP_READY",
    "STEP_RERUN",
    "STEP_SKIP",
    "STEP_SUCCESS",
    "Current",
    "Event",
    "EventcoreError",
    "Eventor",
    "Invoke",
    "Resource",
    "ResourcePool",
    "RunMode",
    "Step",
    "StepReplay",
    "StepStatus",
    "StepTriggers",
    "TaskStatus",
    "Verdict",
    "and_",
    "current",
    "or_",
]
