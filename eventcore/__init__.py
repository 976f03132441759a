"""A small durable event kernel.

Layers, from the inside out: `define` has programs, `decide` holds the semantics as pure functions, `record` keeps runs
in a database, `act` runs steps and keeps time, `run` has the engine and the objects that users call.

Names are imported when they are first used: a worker process needs few of them, and starts faster that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.exports import exported

if TYPE_CHECKING:
    from eventcore.act.current import Current, current
    from eventcore.act.executors.invoke import Invoke
    from eventcore.act.observer import Observer
    from eventcore.define.answer import Answer, RequestStatus
    from eventcore.define.codecs import UnknownValue, register_codec
    from eventcore.define.event import Event
    from eventcore.define.expression import and_, or_
    from eventcore.define.pools import Resource, ResourcePool
    from eventcore.define.program import Step
    from eventcore.define.status import (
        RUN_CONTINUE,
        RUN_RECOVER,
        RUN_RESTART,
        STEP_ACTIVE,
        STEP_COMPLETE,
        STEP_FAILURE,
        STEP_OVER,
        STEP_READY,
        STEP_RERUN,
        STEP_SKIP,
        STEP_SUCCESS,
        RunMode,
        StateStatus,
        StepReplay,
        StepState,
        StepStatus,
        StepTriggers,
        TaskStatus,
        Verdict,
    )
    from eventcore.errors import EventcoreError, NotYet, Skip
    from eventcore.run.background import BackgroundRun
    from eventcore.run.eventor import Eventor
    from eventcore.run.steering import Steering, complete, steer
    from eventcore.run.stored_run import StoredRun, TaskRecord, stored_run

__all__ = [
    "RUN_CONTINUE",
    "RUN_RECOVER",
    "RUN_RESTART",
    "STEP_ACTIVE",
    "STEP_COMPLETE",
    "STEP_FAILURE",
    "STEP_OVER",
    "STEP_READY",
    "STEP_RERUN",
    "STEP_SKIP",
    "STEP_SUCCESS",
    "Answer",
    "BackgroundRun",
    "Current",
    "Event",
    "EventcoreError",
    "Eventor",
    "Invoke",
    "NotYet",
    "Observer",
    "RequestStatus",
    "Resource",
    "ResourcePool",
    "RunMode",
    "Skip",
    "Steering",
    "Step",
    "StateStatus",
    "StoredRun",
    "TaskRecord",
    "StepReplay",
    "StepState",
    "StepStatus",
    "StepTriggers",
    "TaskStatus",
    "UnknownValue",
    "Verdict",
    "and_",
    "complete",
    "current",
    "or_",
    "register_codec",
    "steer",
    "stored_run",
]

if not TYPE_CHECKING:  # who checks types is to find a misspelled name
    __getattr__, __dir__ = exported(
        __name__,
        {
            "eventcore.act.current": ("Current", "current"),
            "eventcore.act.executors.invoke": ("Invoke",),
            "eventcore.act.observer": ("Observer",),
            "eventcore.define.answer": ("Answer", "RequestStatus"),
            "eventcore.define.codecs": ("UnknownValue", "register_codec"),
            "eventcore.define.expression": ("and_", "or_"),
            "eventcore.define.pools": ("Resource", "ResourcePool"),
            "eventcore.define.event": ("Event",),
            "eventcore.define.program": ("Step",),
            "eventcore.define.status": (
                "RUN_CONTINUE",
                "RUN_RECOVER",
                "RUN_RESTART",
                "STEP_ACTIVE",
                "STEP_COMPLETE",
                "STEP_FAILURE",
                "STEP_OVER",
                "STEP_READY",
                "STEP_RERUN",
                "STEP_SKIP",
                "STEP_SUCCESS",
                "RunMode",
                "StateStatus",
                "StepReplay",
                "StepState",
                "StepStatus",
                "StepTriggers",
                "TaskStatus",
                "Verdict",
            ),
            "eventcore.errors": ("EventcoreError", "NotYet", "Skip"),
            "eventcore.run.background": ("BackgroundRun",),
            "eventcore.run.eventor": ("Eventor",),
            "eventcore.run.steering": ("Steering", "complete", "steer"),
            "eventcore.run.stored_run": ("StoredRun", "TaskRecord", "stored_run"),
        },
    )
