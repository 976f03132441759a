"""Events that a step emits while it runs: they come at once, with a value, and nothing takes them back.

The first emission counts, in whichever try or recovery it came; a recovery that reaches the step again raises it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Task
from eventcore.define.event import Event, EventKind
from eventcore.define.outcome import Emission
from eventcore.define.program import Step
from eventcore.errors import ProgramError


def emitted(context: Context, task: Task, emission: Emission) -> None:
    """The task's function has emitted an event; one that the program does not have is left to the end of the try."""
    event = context.plan.events.get(emission.event)
    if event is None:
        return
    if event.kind is EventKind.own:
        if context.plan.emitters.get(event.name) == task.step.name:
            come(context, event, task.at, emission.value)
    elif event.kind is EventKind.public:
        sequence = emission.sequence or task.sequence
        come(context, event, context.iteration(event.scope, sequence), emission.value)


def come(context: Context, event: Event, at: Iteration, value: str) -> None:
    """Raise an event with a value, unless it has come there before."""
    key = event.name, at.sequence
    if event.name not in at.facts and key not in context.values:
        context.values[key] = value
        context.agenda.append((event, at))


def carry_over(context: Context, step: Step, at: Iteration) -> None:
    """Raise again what the step emitted there in earlier recoveries."""
    for own in step.place.own:
        value = context.history.emitted.get((own.event.name, at.sequence))
        if value is not None:
            come(context, own.event, at, value)


def asked(context: Context, argument: Mapping[str, Any]) -> None:
    """A program that a step has started emits an event of the step; raises `ProgramError` where it can no longer."""
    name, sequence = argument["emits"], argument["sequence"]
    step = context.plan.emitters.get(name)
    if step is None:
        raise ProgramError(f"the program has no step any more that emits {argument['event']!r}")
    task = context.state.live.get((step, sequence))
    if task is None:
        path = context.plan.steps[step].path
        raise ProgramError(f"{path}@{sequence} is over, or was never reached; a step emits events while it runs")
    come(context, context.plan.events[name], task.at, argument["value"])
