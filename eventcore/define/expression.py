"""Logical expressions over events: trees of and, or and their leaves, as users write them.

A tuple or list means and; `or_`, `and_`, `&` and `|` build the rest, up to `DEEPEST` levels. The leaves are events
here; the flow language builds the same trees over its clauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from eventcore.errors import ProgramError

DEEPEST = 200  #: how many levels of and and or may alternate, so that every reader of the stored program can follow


class Expression:
    """A part of an expression; combine parts with `&` and `|`."""

    __slots__ = ()

    def __and__(self, other: Part) -> And:
        return And(self, other)

    def __rand__(self, other: Part) -> And:
        return And(other, self)

    def __or__(self, other: Part) -> Or:
        return Or(self, other)

    def __ror__(self, other: Part) -> Or:
        return Or(other, self)

    def __bool__(self) -> bool:
        raise ProgramError(
            f"{self!r} has no truth value while the program is built; combine expressions with & and |, not with "
            "'and', 'or' and 'not', and compare with 'is None' where you mean that"
        )


#: a part of a group; which tuples and lists are allowed depends on the language that the expression is written in
Part: TypeAlias = Expression | tuple[object, ...] | list[Any]


class _Group(Expression):
    """Parts joined by one operator, whose name is `word`; `depth` says how many groups are in one another."""

    __slots__ = ("_given", "_merged", "depth")
    word = ""

    def __init__(self, *parts: Any) -> None:
        if not parts:
            raise ProgramError(f"{self.word}_() needs at least one part")
        self._given = parts
        self._merged: tuple[Any, ...] | None = None
        inner = (part.depth + (type(part) is not type(self)) for part in parts if isinstance(part, _Group))
        self.depth: int = max(inner, default=1)

    @property
    def parts(self) -> tuple[Any, ...]:
        """The parts; groups of one kind merge, so that a long chain of & is one group, not as many levels."""
        if self._merged is None:
            merged, waiting = [], [*reversed(self._given)]
            while waiting:
                part = waiting.pop()
                if type(part) is type(self):
                    waiting.extend(reversed(part._given))
                else:
                    merged.append(part)
            self._merged = tuple(merged)
        return self._merged

    def over(self, parts: list[Any]) -> _Group:
        """The same group of other parts."""
        return type(self)(*parts)

    def data(self, parts: list[Any]) -> dict[str, Any]:
        """The group as plain data, over parts that are."""
        return {self.word: parts}

    def __repr__(self) -> str:
        shown: str = _folded(self, repr, lambda group, parts: f"{group.word}_({', '.join(parts)})")
        return shown


class And(_Group):
    """Holds when all parts hold."""

    __slots__ = ()
    word = "and"


class Or(_Group):
    """Holds when at least one part holds."""

    __slots__ = ()
    word = "or"


class AtLeast(_Group):
    """Holds when at least `count` of the parts hold; layers above make it, users do not."""

    __slots__ = ("count",)
    word = "at least"

    def __init__(self, count: int, *parts: Any) -> None:
        super().__init__(*parts)
        self.count = count

    @property
    def parts(self) -> tuple[Any, ...]:
        """The parts, which do not merge with those of other groups."""
        return self._given

    def over(self, parts: list[Any]) -> AtLeast:
        """The same group of other parts."""
        return AtLeast(self.count, *parts)

    def data(self, parts: list[Any]) -> dict[str, Any]:
        """The group as plain data, over parts that are."""
        return {"least": self.count, "of": parts}


def or_(*parts: Part) -> Or:
    """The expression that holds when at least one of the parts does; a tuple among them means and."""
    return Or(*parts)


def and_(*parts: Part) -> And:
    """The expression that holds when all parts do."""
    return And(*parts)


def normalized(
    written: Any, leaf: Callable[[Any], Expression | None], where: str, deepest: int = DEEPEST
) -> Expression:
    """The tree that `written` stands for: groups of groups and leaves, without groups of one part.

    `leaf` turns what it knows into a tree and returns None for the rest. Raises `ProgramError`, naming `where`, for
    anything that is neither a leaf, a group nor a tuple or list of such, and for a tree of more levels than `deepest`.
    """
    tree = _normalized(written, leaf, where, deepest)
    if isinstance(tree, _Group) and tree.depth > deepest:
        raise _too_deep(where)
    return tree


def _normalized(written: Any, leaf: Callable[[Any], Expression | None], where: str, room: int) -> Expression:
    found = leaf(written)
    if found is not None:
        return found
    if isinstance(written, _Group):
        group, parts = written, written.parts
    elif isinstance(written, (tuple, list)):
        group, parts = _AND, tuple(written)
    else:
        raise ProgramError(
            f"{where}: {written!r} cannot be part of an expression; combine events with tuples, or_, and_, & and |"
        )
    if not parts:
        raise ProgramError(f"{where}: an empty expression; leave it out instead")
    if not room:
        raise _too_deep(where)
    made = [_normalized(part, leaf, where, room - 1) for part in parts]
    return made[0] if len(made) == 1 else group.over(made)


_AND = And(None)  #: what a tuple or list stands for


def _too_deep(where: str) -> ProgramError:
    return ProgramError(
        f"{where}: its and and or are nested more than {DEEPEST} levels deep; let a step, or in a program of events "
        "an event, stand for a part of it"
    )


def leaves(tree: Expression) -> Iterator[Expression]:
    """The leaves of a normalized tree, from left to right."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, _Group):
            waiting.extend(reversed(part.parts))
        else:
            yield part


def rebuilt(tree: Expression, leaf: Callable[[Expression], Any]) -> Any:
    """The same tree over other leaves."""
    return _folded(tree, leaf, lambda group, parts: group.over(parts))


def as_data(tree: Expression, leaf: Callable[[Any], Any]) -> Any:
    """The tree as plain data for the stored program.

    That is `{"and": [...]}`, `{"or": [...]}`, `{"least": count, "of": [...]}` or what `leaf` returns.
    """
    return _folded(tree, leaf, lambda group, parts: group.data(parts))


def _folded(tree: Any, leaf: Callable[[Any], Any], group: Callable[[_Group, list[Any]], Any]) -> Any:
    """What `group` makes of the whole tree, from what was made of its parts; without recursion, for deep trees."""
    if not isinstance(tree, _Group):
        return leaf(tree)
    top: list[Any] = []
    waiting: list[tuple[Iterator[Any], _Group | None, list[Any]]] = [(iter((tree,)), None, top)]
    while waiting:
        parts, around, made = waiting[-1]
        for part in parts:
            if isinstance(part, _Group):
                waiting.append((iter(part.parts), part, []))
                break
            made.append(leaf(part))
        else:
            waiting.pop()
            if around is not None:
                waiting[-1][2].append(group(around, made))
    return top[0]
