"""How facts spread: from an event to its associations and to the expressions that speak of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.decide import delays, expressions, halting, recovery, scheduling
from eventcore.decide.state import Task
from eventcore.define.program import Event, Step
from eventcore.define.status import StepStatus, TaskStatus

if TYPE_CHECKING:
    from eventcore.decide.turn import Turn


def spread(turn: Turn) -> None:
    """Follow every event on the agenda; one that is triggered at its sequence already does nothing."""
    agenda = turn.agenda
    while agenda:
        event, sequence, fresh = agenda.popleft()
        cell = turn.cell(event.scope, sequence)
        if event.name in cell.facts:
            continue
        cell.facts.add(event.name)
        if fresh:
            cell.fresh_facts.add(event.name)
        if event.name in cell.gates:
            expressions.forget(turn, cell.gates.pop(event.name))
        turn.changes.facts.append((event.scope, event.name, sequence))
        for association in turn.plan.followers.get(event.name, ()):
            if association.delay > 0:
                delays.begin(turn, association, cell, fresh)
            else:
                follow(turn, association.target, sequence, fresh)
        expressions.fact_came(turn, event, cell, fresh)
        if event.halts:
            halting.halt(turn, cell)


def follow(turn: Turn, target: Event | Step, sequence: str, fresh: bool) -> None:
    """Engage what an association leads to."""
    if isinstance(target, Event):
        turn.raise_event(target, sequence, fresh)
    else:
        reach(turn, target, sequence, fresh)


def reach(turn: Turn, step: Step, sequence: str, fresh: bool) -> None:
    """A step is reached at a sequence: make its one task there, or skip it as history and policy say."""
    cell = turn.cell(step.placement.scope, sequence)
    if step.name in cell.tasks:
        return
    if step.control is not None and step.control.housekeeping:
        task = cell.tasks[step.name] = Task(step, sequence, TaskStatus.ready, fresh)
        turn.changes.created[task.key] = task
        turn.state.live[task.key] = task
        turn.controls.append(task)
        return
    if cell.halted:
        halting.void(turn, step, sequence)
        return
    past = None if fresh or cell.fresh else turn.history.tasks.get((step.name, sequence))
    if past is not None and recovery.skips(step, past, turn.history):
        recovery.skip(turn, cell, step, past)
        return
    if turn.history.only is not None and step.control is None and (step.name, sequence) not in turn.history.only:
        turn.state.held_back += 1
        return
    task = cell.tasks[step.name] = Task(step, sequence, TaskStatus.ready, fresh or cell.fresh)
    turn.changes.created[task.key] = task
    turn.state.live[task.key] = task
    turn.raise_triggers(task, StepStatus.ready)
    scheduling.make_ready(turn, task)
