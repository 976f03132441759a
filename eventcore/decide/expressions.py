"""Expressions while a run goes on: each fact is counted in once, and nothing is evaluated again.

An expression belongs to one sequence. It comes to life at a sequence with the first of its events that is triggered
exactly there, and sees what is triggered there and at the sequences that enclose it. A `Gate` is one such life: every
group of the tree counts how many of its parts are still missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventcore.define.expression import And, Expression, Or
from eventcore.define.program import Event
from eventcore.define.sequence import enclosing

if TYPE_CHECKING:
    from eventcore.decide.state import Cell
    from eventcore.decide.turn import Turn


class Shape:
    """A tree of and and or, flattened: for each group its parent and how many parts it needs."""

    def __init__(self, tree: Expression) -> None:
        self.parents: list[int] = []
        self.needs: list[int] = []
        self.groups_of: dict[str, list[int]] = {}
        self._add(tree if isinstance(tree, (And, Or)) else And(tree), -1)

    def _add(self, tree: Expression, parent: int) -> None:
        if isinstance(tree, (And, Or)):
            group = len(self.needs)
            self.parents.append(parent)
            self.needs.append(len(tree.parts) if isinstance(tree, And) else 1)
            for part in tree.parts:
                self._add(part, group)
        elif isinstance(tree, Event):
            self.groups_of.setdefault(tree.name, []).append(parent)


class Gate:
    """One expression at one sequence, and what it still needs."""

    __slots__ = ("event", "fresh", "missing", "seen", "sequence", "shape")

    def __init__(self, event: Event, sequence: str, shape: Shape) -> None:
        self.event = event
        self.sequence = sequence
        self.shape = shape
        self.missing = shape.needs.copy()
        self.seen: set[str] = set()
        self.fresh = False

    def count_in(self, atom: str, fresh: bool) -> bool:
        """Take note that `atom` is triggered; True when the whole expression holds now."""
        if atom in self.seen:
            return False
        self.seen.add(atom)
        self.fresh |= fresh
        for group in self.shape.groups_of[atom]:
            while group >= 0:
                self.missing[group] -= 1
                if self.missing[group] != 0:
                    break
                group = self.shape.parents[group]
            else:
                return True
        return False


def fact_came(turn: Turn, event: Event, cell: Cell, fresh: bool) -> None:
    """Count a new fact into every expression that speaks of its event, here and at the sequences it encloses."""
    for dependent in turn.plan.dependents.get(event.name, ()):
        if dependent.scope == event.scope:
            here = gate_at(turn, dependent, cell)
            if here is not None and here.count_in(event.name, fresh):
                opened(turn, here)
        for gate in list(turn.state.gates_under.get((dependent.name, cell.sequence), {}).values()):
            if gate.count_in(event.name, fresh):
                opened(turn, gate)


def gate_at(turn: Turn, event: Event, cell: Cell) -> Gate | None:
    """The expression's life in the cell, brought to life where there is none yet; None once its event is triggered."""
    if event.name in cell.facts:
        return None
    gate = cell.gates.get(event.name)
    if gate is not None:
        return gate
    gate = cell.gates[event.name] = Gate(event, cell.sequence, turn.plan.shapes[event.name])
    around = enclosing(cell.sequence)
    for sequence in around:
        turn.state.gates_under.setdefault((event.name, sequence), {})[cell.sequence] = gate
    for atom in gate.shape.groups_of:
        scope = turn.plan.events[atom].scope
        outer = next((found for sequence in around if (found := turn.cell_with(atom, scope, sequence))), None)
        if outer is not None and gate.count_in(atom, atom in outer.fresh_facts):
            opened(turn, gate)
    return gate


def forget(turn: Turn, gate: Gate) -> None:
    """Drop a gate whose event is triggered, or whose cell is closed."""
    for sequence in enclosing(gate.sequence):
        under = turn.state.gates_under.get((gate.event.name, sequence))
        if under is not None:
            under.pop(gate.sequence, None)
            if not under:
                del turn.state.gates_under[gate.event.name, sequence]


def opened(turn: Turn, gate: Gate) -> None:
    """The expression holds: its event is raised."""
    turn.raise_event(gate.event, gate.sequence, gate.fresh)
