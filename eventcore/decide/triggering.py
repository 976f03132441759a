"""How facts spread: from an event to its associations and to the expressions that refer to it."""

from __future__ import annotations

from eventcore.decide import (
    carrying,
    deadlines,
    delays,
    emitting,
    expressions,
    halting,
    levels,
    loops,
    members,
    recovery,
    required,
    slots,
    tasks,
)
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration
from eventcore.define.event import Event, EventKind
from eventcore.define.program import Role, Step
from eventcore.define.status import StepStatus, TaskStatus

_governing = frozenset(
    {
        EventKind.over, EventKind.broken, EventKind.flawed, EventKind.items, EventKind.around, EventKind.ended,
        EventKind.export,
    }
)  # fmt: skip

_recorded = frozenset(kind for kind in EventKind if kind.is_recorded)


def spread(context: Context) -> None:
    """Follow every event on the agenda; one that is triggered at its sequence already does nothing."""
    agenda, plan = context.agenda, context.plan
    while agenda:
        event, at = agenda.popleft()
        name = event.name
        kind = event.kind
        if name in at.facts or at.status.is_over or (kind is EventKind.void and not _is_void(context, event, at)):
            continue
        if kind is EventKind.missed and plan.missed[name] in at.facts:
            continue
        if plan.ruled_out and plan.ruled_out.get(name) in at.facts:
            continue
        at.facts.add(name)
        if name in at.gates:
            expressions.forget(context, at.gates.pop(name))
        if kind in _recorded:
            value = context.values.pop((name, at.sequence), None) if context.values else None
            context.changes.facts.append((event.scope, name, at.sequence, value))
        if name in plan.followers or name in plan.dependents:
            consequences(context, event, at)
        if name in plan.carried_from:
            carrying.carry(context, event, at)
        if kind in _governing:
            _govern(context, event, at)


def consequences(context: Context, event: Event, at: Iteration) -> None:
    """Engage what the event is associated with, and count it in the expressions that refer to it."""
    for association in context.plan.followers.get(event.name, ()):
        if association.delay == 0 or delays.begin(context, association, at):
            follow(context, association.target, at)
    expressions.fact_came(context, event, at)


def follow(context: Context, target: Event | Step, at: Iteration) -> None:
    """Engage what an association leads to."""
    if isinstance(target, Step):
        reach(context, target, at)
    else:
        context.agenda.append((target, at))


def reach(context: Context, step: Step, at: Iteration) -> None:
    """A step is reached at a sequence: make its one task there, or skip it as history and policy say."""
    if step.name in at.tasks:
        return
    if at.halted and not step.place.survives:
        halting.void(context, step, at)
        return
    if at.failed and step.role is Role.until:
        halting.void(context, step, at)
        return
    history = context.history
    if history.emitted and step.place.own:
        emitting.carry_over(context, step, at)
    past = history.tasks.get((step.name, at.sequence)) if history.tasks else None
    if history.only is not None and not history.only.covers(step.name, at.sequence):
        recovery.leave(context, step, at, past)
        return
    if past is not None and recovery.skips(step, past, history):
        recovery.skip(context, step, at, past)
        return
    task = tasks.create(context, step, at)
    if step.config.deadline is not None and not step.is_container:
        deadlines.begin(context, task)
    context.raise_triggers(task, StepStatus.ready)
    slots.make_ready(context, task)


def _is_void(context: Context, event: Event, at: Iteration) -> bool:
    """Whether it is true that the step will not run, and nothing else follows from that.

    It may have been reached before the program changed; and one that must run fails instead.
    """
    step = context.plan.steps[context.plan.voided[event.name]]
    task = at.tasks.get(step.name)
    if task is None:
        return not required.fails(context, step, at)
    if task.status is TaskStatus.ready and step.place.must_run and at.halted and not step.place.survives:
        required.ended_ready(context, task)
        return False
    return task.status in (TaskStatus.cancelled, TaskStatus.omitted)


def _govern(context: Context, event: Event, at: Iteration) -> None:
    """Act on the events that govern iterations."""
    if event.kind is EventKind.over:
        loops.iteration_over(context, at)
    elif event.kind is EventKind.items:
        loops.items_over(context, context.plan.served[event.name], at)
    elif event.kind is EventKind.ended:
        levels.ended(context, at)
    elif event.kind is EventKind.export:
        members.export(context, event, at)
    elif event.kind is EventKind.around:
        loops.goes_on(context, context.plan.served[event.name], at)
    else:
        at.failed = True
        if event.kind is EventKind.broken:
            at.broken = True
            halting.halt(context, at)
