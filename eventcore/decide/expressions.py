"""Expressions during a run: each fact is counted once, and nothing is evaluated twice (see `gates`)."""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.gates import Gate
from eventcore.decide.state import Iteration
from eventcore.define.event import Event
from eventcore.define.sequence import enclosing


def fact_came(context: Context, event: Event, at: Iteration) -> None:
    """Count a new fact in every expression that refers to its event, here and at the sequences enclosed by this one."""
    for dependent in context.plan.dependents.get(event.name, ()):
        if dependent.scope == event.scope:
            here = gate_at(context, dependent, at)
            if here is not None and here.count_in(event.name):
                context.agenda.append((dependent, at))
        if context.plan.shapes[dependent.name].looks_out:
            for gate in list(context.state.gates_under.get((dependent.name, at.sequence), {}).values()):
                if gate.count_in(event.name):
                    context.raise_event(gate.event, gate.sequence)


def gate_at(context: Context, event: Event, at: Iteration) -> Gate | None:
    """The expression's gate in the iteration, created if there is none yet; None once the expression has held."""
    if event.name in at.facts:
        return None
    gate = at.gates.get(event.name)
    if gate is not None:
        return gate
    shape = context.plan.shapes[event.name]
    gate = at.gates[event.name] = Gate(event, at.sequence, shape)
    if not shape.looks_out:
        return gate
    around = enclosing(at.sequence)
    for sequence in around:
        context.state.gates_under.setdefault((event.name, sequence), {})[at.sequence] = gate
    for atom in shape.groups_of:
        known = context.plan.events[atom]
        if any(context.iteration_with(known, sequence) for sequence in around) and gate.count_in(atom):
            context.agenda.append((event, at))
    return gate


def forget(context: Context, gate: Gate) -> None:
    """Drop a gate whose event is triggered, or whose iteration is over."""
    if not gate.shape.looks_out:
        return
    for sequence in enclosing(gate.sequence):
        under = context.state.gates_under[gate.event.name, sequence]
        del under[gate.sequence]
        if not under:
            del context.state.gates_under[gate.event.name, sequence]
