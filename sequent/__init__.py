"""Nested flows: containers, loops and require clauses, compiled to the event kernel and run by it.

`flow` and `language` are what users write with. `compiler` makes a graph of a flow, refuses what cannot work, and turns
the graph into a program of the kernel. `cli` is the shell command.

Names are imported when they are first used: a worker process needs few of them, and `sequent --help` none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.exports import exported

if TYPE_CHECKING:
    from eventcore.act.executors.invoke import Invoke
    from eventcore.act.observer import Observer
    from eventcore.define.codecs import UnknownValue, register_codec
    from eventcore.define.expression import and_, or_
    from eventcore.define.pools import Resource, ResourcePool
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
        TaskStatus,
    )
    from eventcore.errors import EventcoreError, Skip
    from eventcore.run.background import BackgroundRun
    from eventcore.run.steering import complete
    from eventcore.run.stored_run import StoredRun, TaskRecord, stored_run
    from sequent.errors import FlowError
    from sequent.flow import Sequent
    from sequent.language.context import FlowContext, current
    from sequent.language.open_loops import stream, until
    from sequent.language.poll import poll
    from sequent.language.previous import Previous, previous
    from sequent.language.references import item
    from sequent.language.require import all_of, any_of, at_least
    from sequent.language.shell import shell
    from sequent.language.step import FlowStep

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
    "BackgroundRun",
    "EventcoreError",
    "FlowContext",
    "FlowError",
    "FlowStep",
    "Invoke",
    "Observer",
    "Previous",
    "Resource",
    "ResourcePool",
    "RunMode",
    "Sequent",
    "Skip",
    "StateStatus",
    "StepReplay",
    "StepState",
    "StepStatus",
    "StoredRun",
    "TaskRecord",
    "TaskStatus",
    "UnknownValue",
    "all_of",
    "and_",
    "any_of",
    "at_least",
    "complete",
    "current",
    "item",
    "or_",
    "poll",
    "previous",
    "register_codec",
    "shell",
    "stored_run",
    "stream",
    "until",
]

if not TYPE_CHECKING:  # who checks types is to find a misspelled name
    __getattr__, __dir__ = exported(
        __name__,
        {
            "eventcore.act.executors.invoke": ("Invoke",),
            "eventcore.act.observer": ("Observer",),
            "eventcore.define.codecs": ("UnknownValue", "register_codec"),
            "eventcore.define.expression": ("and_", "or_"),
            "eventcore.define.pools": ("Resource", "ResourcePool"),
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
                "TaskStatus",
            ),
            "eventcore.errors": ("EventcoreError", "Skip"),
            "eventcore.run.background": ("BackgroundRun",),
            "eventcore.run.steering": ("complete",),
            "eventcore.run.stored_run": ("StoredRun", "TaskRecord", "stored_run"),
            "sequent.errors": ("FlowError",),
            "sequent.flow": ("Sequent",),
            "sequent.language.context": ("FlowContext", "current"),
            "sequent.language.open_loops": ("stream", "until"),
            "sequent.language.poll": ("poll",),
            "sequent.language.previous": ("Previous", "previous"),
            "sequent.language.references": ("item",),
            "sequent.language.require": ("all_of", "any_of", "at_least"),
            "sequent.language.shell": ("shell",),
            "sequent.language.step": ("FlowStep",),
        },
    )
