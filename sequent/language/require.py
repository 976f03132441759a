"""Require clauses: turns what users write into a tree over (step, status)."""

from __future__ import annotations

from typing import Any

from eventcore.define.expression import Expression, leaves, normalized
from eventcore.define.status import StepStatus
from sequent.errors import RequireError
from sequent.language.placed import Placed

STATUSES = ", ".join(f"STEP_{status.value.upper()}" for status in StepStatus)


class Clause(Expression):
    """The leaf of a require tree: a step and a status; the step may be given by name."""

    __slots__ = ("status", "step")

    def __init__(self, step: Placed | str, status: StepStatus) -> None:
        self.step = step
        self.status = status

    def __repr__(self) -> str:
        return f"({self.step!r}, {self.status.value})"


class FlowEvent(Expression):
    """A requirement made by `add_event`, to use in several places."""

    __slots__ = ("tree",)

    def __init__(self, tree: Expression) -> None:
        self.tree = tree

    def __repr__(self) -> str:
        return f"FlowEvent({self.tree!r})"


def as_tree(written: Any, where: str) -> Expression | None:
    """The tree of a `require` argument, None where it asks for nothing.

    An iterable means that all of its parts must hold: pairs of step and status, events, nested iterables, `or_(...)`,
    `and_(...)`, `&`, `|`. Raises `RequireError` for anything else.
    """

    def leaf(part: Any) -> Expression | None:
        if isinstance(part, FlowEvent):
            return part.tree
        if isinstance(part, Clause):
            return part
        if isinstance(part, (tuple, list)) and len(part) == 2 and isinstance(part[1], StepStatus):
            if isinstance(part[0], (Placed, str)):
                return Clause(part[0], part[1])
            raise RequireError(f"{where}: {part[0]!r} is not a step; require pairs of a step and a status")
        if (
            isinstance(part, (tuple, list))
            and len(part) == 2
            and isinstance(part[0], (Placed, str))
            and _is_word(part[1])
        ):
            raise RequireError(f"{where}: unknown status {part[1]!r}; choose one of {STATUSES}")
        if isinstance(part, Placed):
            raise RequireError(
                f"{where}: a step needs a status; write ({part.path}, STEP_SUCCESS), and for one requirement "
                "require=((step, STEP_SUCCESS),)"
            )
        if isinstance(part, (StepStatus, str)):
            raise RequireError(f"{where}: {part!r} is not a pair; write pairs such as ((step, STEP_SUCCESS),)")
        return None

    if written is None or (isinstance(written, (tuple, list, set, frozenset)) and not written):
        return None
    if not isinstance(written, (Expression, tuple, list)):
        try:
            written = tuple(written)
        except TypeError:
            raise RequireError(
                f"{where}: {written!r} is not a requirement; give pairs of a step and a status"
            ) from None
    return normalized(written, leaf, where)


def _is_word(part: Any) -> bool:
    return part is None or (isinstance(part, (str, int)) and not isinstance(part, StepStatus))


def clauses(tree: Expression | None) -> list[Clause]:
    """The clauses of a tree, from left to right."""
    return [] if tree is None else [leaf for leaf in leaves(tree) if isinstance(leaf, Clause)]
