"""Nested flows: containers, loops and require clauses, compiled to the event kernel and run by it.

`flow` and `step` are what users write with, `require` and `loops` what stands in their arguments, `references` the
values that flow between steps. `requirements` and `moments` make a graph of a flow and refuse what cannot work, `graph`
reads off it what `compile` needs to make the kernel's program, `container` is what drives iterations while it runs.
"""

from eventcore.act.executors.invoke import Invoke
from eventcore.act.observer import Observer
from eventcore.define.expression import and_, or_
from eventcore.define.pools import Resource, ResourcePool
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
    StateStatus,
    StepReplay,
    StepState,
    StepStatus,
    TaskStatus,
)
from eventcore.errors import EventcoreError
from sequent.errors import FlowError
from sequent.flow import Sequent
from sequent.language.context import FlowContext, current
from sequent.language.references import item
from sequent.language.step import FlowStep

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
    "EventcoreError",
    "FlowContext",
    "FlowError",
    "FlowStep",
    "Invoke",
    "Observer",
    "Resource",
    "ResourcePool",
    "RunMode",
    "Sequent",
    "StateStatus",
    "StepReplay",
    "StepState",
    "StepStatus",
    "TaskStatus",
    "and_",
    "current",
    "item",
    "or_",
]
