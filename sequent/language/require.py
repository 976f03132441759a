"""Require clauses: turns what users write into a tree over (step, status)."""

from __future__ import annotations

from typing import Any

from eventcore.define.expression import Expression, leaves, normalized
from eventcore.define.reference import Reference
from eventcore.define.status import StepStatus
from sequent.errors import RequireError
from sequent.language.placed import Placed
from sequent.language.previous import Previous
from sequent.language.references import ValueReference

STATUSES = ", ".join(f"STEP_{status.value.upper()}" for status in StepStatus)


class Clause(Expression):
    """The leaf of a require tree: a step and a status; the step may be given by name."""

    __slots__ = ("status", "step")

    def __init__(self, step: Placed | str, status: StepStatus) -> None:
        self.step = step
        self.status = status

    def __repr__(self) -> str:
        return f"({self.step!r}, {self.status.value})"


class LevelClause(Clause):
    """A clause on a container from within its own level, or on the flow: it speaks of everything else in there."""

    __slots__ = ("body",)

    def __init__(self, step: Placed, status: StepStatus, body: tuple[Placed, ...] = ()) -> None:
        super().__init__(step, status)
        self.body = body  #: the steps that have to be over


class MembersClause(Clause):
    """A clause on how many iterations of a loop, or steps of a container without one, have a status."""

    __slots__ = ("least",)

    def __init__(self, step: Placed | str, status: StepStatus, least: int | None) -> None:
        super().__init__(step, status)
        self.least = least  #: how many at least; None for all

    def __repr__(self) -> str:
        how = "all_of(" if self.least is None else f"at_least({self.least}, "
        return f"{how}{self.step!r}, {self.status.value})"


class PreviousClause(Clause):
    """A clause on a step in an earlier iteration of a loop around it."""

    __slots__ = ("loop", "previous")

    def __init__(self, previous: Previous, status: StepStatus, step: Placed | None = None, loop: Placed | None = None):
        super().__init__(previous.step if step is None else step, status)
        self.previous = previous
        self.loop = loop  #: the container whose iterations count, once it is found

    def __repr__(self) -> str:
        return f"({self.previous!r}, {self.status.value})"


def any_of(container: Placed | str, status: StepStatus) -> MembersClause:
    """The requirement that at least one iteration, or step, of the container has the status; see `at_least`."""
    return _members(container, status, 1, "any_of")


def all_of(container: Placed | str, status: StepStatus) -> MembersClause:
    """The requirement that all iterations, or steps, of the container have the status; see `at_least`."""
    return _members(container, status, None, "all_of")


def at_least(count: int, container: Placed | str, status: StepStatus) -> MembersClause:
    """The requirement that so many iterations of the container's loop have the status, or so many of its steps.

    A container without a loop has its steps counted, those directly in it. It holds as soon as there are so many, while
    the others still run; where it has become certain that there will not be so many, what requires it is not reached.
    Raises `RequireError` for a wrong count or status.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise RequireError(f"at_least: give a number of iterations or steps, 1 or more, not {count!r}")
    return _members(container, status, count, "at_least")


def _members(container: Placed | str, status: StepStatus, least: int | None, where: str) -> MembersClause:
    if not isinstance(container, (Placed, str)):
        raise RequireError(f"{where}: {container!r} is not a container; give a step with a loop or with steps inside")
    if not isinstance(status, StepStatus):
        raise RequireError(f"{where}: unknown status {status!r}; choose one of {STATUSES}")
    return MembersClause(container, status, least)


class StepEvent(Clause):
    """The leaf for an event that a step emits while it runs; made by `step.event`."""

    __slots__ = ("name",)

    def __init__(self, step: Placed, name: str) -> None:
        super().__init__(step, StepStatus.active)
        self.name = name

    @property
    def value(self) -> ValueReference:
        """A stand-in for the value with which it is emitted, for other steps' args and kwargs; it implies the order."""
        assert isinstance(self.step, Placed)
        return ValueReference(self.step, self.name)

    def __repr__(self) -> str:
        return f"event {self.name!r} of {self.step!r}"


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
            if isinstance(part[0], Previous):
                return PreviousClause(part[0], part[1])
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
        if isinstance(part, Reference):
            raise RequireError(f"{where}: {part!r} is a value, not a pair of a step and a status; write when={part!r}")
        if isinstance(part, (StepStatus, str)):
            raise RequireError(f"{where}: {part!r} is not a pair; write pairs such as ((step, STEP_SUCCESS),)")
        return None

    if written is None or (isinstance(written, (tuple, list, set, frozenset)) and not written):
        return None
    if not isinstance(written, (Expression, Reference, tuple, list)):
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
