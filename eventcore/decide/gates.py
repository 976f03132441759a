"""Gates: expressions that count, so that nothing is evaluated twice.

A gate is the state of one expression at one sequence. It is created when the first of the expression's events is
triggered exactly there, and takes into account what is triggered there and at the sequences that enclose it. Every
group of the tree counts how many of its parts are still missing.
"""

from __future__ import annotations

from eventcore.define.event import Event
from eventcore.define.expression import And, AtLeast, Expression, Or

_GROUPS = (And, Or, AtLeast)


class Shape:
    """A tree of and and or, flattened: for each group its parent and how many parts it needs."""

    __slots__ = ("groups_of", "looks_out", "needs", "parents")

    def __init__(self, tree: Expression, scope: str = "") -> None:
        self.parents: list[int] = []
        self.needs: list[int] = []
        self.groups_of: dict[str, list[int]] = {}
        self.looks_out = scope == ""  #: events at enclosing sequences may count, too
        self._add(tree if isinstance(tree, _GROUPS) else And(tree), -1, scope)

    def _add(self, tree: Expression, parent: int, scope: str) -> None:
        if isinstance(tree, _GROUPS):
            group = len(self.needs)
            self.parents.append(parent)
            self.needs.append(_needed(tree))
            for part in tree.parts:
                self._add(part, group, scope)
        else:
            assert isinstance(tree, Event)
            self.groups_of.setdefault(tree.name, []).append(parent)
            self.looks_out |= tree.scope != scope


def _needed(group: And | Or | AtLeast) -> int:
    if isinstance(group, AtLeast):
        return group.count
    return len(group.parts) if isinstance(group, And) else 1


class Gate:
    """One expression at one sequence, and what it still needs."""

    __slots__ = ("event", "missing", "seen", "sequence", "shape")

    def __init__(self, event: Event, sequence: str, shape: Shape) -> None:
        self.event = event
        self.sequence = sequence
        self.shape = shape
        self.missing = shape.needs.copy()
        self.seen: set[str] = set()

    def count_in(self, atom: str) -> bool:
        """Note that the event `atom` is triggered; True if the whole expression holds now for the first time."""
        if atom in self.seen:
            return False
        self.seen.add(atom)
        for group in self.shape.groups_of[atom]:
            while group >= 0:
                self.missing[group] -= 1
                if self.missing[group] != 0:
                    break
                group = self.shape.parents[group]
            else:
                return True
        return False
