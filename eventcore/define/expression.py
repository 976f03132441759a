"""Logical expressions over events: trees of and, or and their leaves, as users write them.

A tuple or list means and; `or_`, `and_`, `&` and `|` build the rest, to any depth. The leaves are events here; the flow
language builds the same trees over its clauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from eventcore.errors import ProgramError


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
    """Parts joined by one operator, whose name is `word`."""

    __slots__ = ("parts",)
    word = ""

    def __init__(self, *parts: Any) -> None:
        if not parts:
            raise ProgramError(f"{self.word}_() needs at least one part")
        # groups of one kind merge: a long chain of & is one group, not as many levels
        self.parts: tuple[Any, ...] = tuple(
            p for part in parts for p in (part.parts if type(part) is type(self) else (part,))
        )

    def __repr__(self) -> str:
        return f"{self.word}_({', '.join(map(repr, self.parts))})"


class And(_Group):
    """Holds when all parts hold."""

    __slots__ = ()
    word = "and"


class Or(_Group):
    """Holds when at least one part holds."""

    __slots__ = ()
    word = "or"


def or_(*parts: Part) -> Or:
    """The expression that holds when at least one of the parts does; a tuple among them means and."""
    return Or(*parts)


def and_(*parts: Part) -> And:
    """The expression that holds when all parts do."""
    return And(*parts)


def normalized(written: Any, leaf: Callable[[Any], Expression | None], where: str) -> Expression:
    """The tree that `written` stands for: groups of groups and leaves, without groups of one part.

    `leaf` turns what it knows into a leaf and returns None for the rest. Raises `ProgramError`, naming `where`, for
    anything that is neither a leaf, a group nor a tuple or list of such.
    """
    found = leaf(written)
    if found is not None:
        return found
    if isinstance(written, _Group):
        kind, parts = type(written), written.parts
    elif isinstance(written, (tuple, list)):
        kind, parts = And, tuple(written)
    else:
        raise ProgramError(
            f"{where}: {written!r} cannot be part of an expression; combine events with tuples, or_, and_, & and |"
        )
    if not parts:
        raise ProgramError(f"{where}: an empty expression; leave it out instead")
    if len(parts) == 1:
        return normalized(parts[0], leaf, where)
    return kind(*(normalized(part, leaf, where) for part in parts))


def leaves(tree: Expression) -> Iterator[Expression]:
    """The leaves of a normalized tree, from left to right."""
    if isinstance(tree, _Group):
        for part in tree.parts:
            yield from leaves(part)
    else:
        yield tree


def rebuilt(tree: Expression, leaf: Callable[[Expression], Any], *, dual: bool = False) -> Any:
    """The same tree over other leaves; with `dual`, and and or change places (De Morgan)."""
    if not isinstance(tree, _Group):
        return leaf(tree)
    kind = type(tree) if not dual else (Or if isinstance(tree, And) else And)
    return kind(*(rebuilt(part, leaf, dual=dual) for part in tree.parts))


def as_data(tree: Expression, leaf: Callable[[Any], Any]) -> Any:
    """The tree as plain data for the stored program: `{"and": [...]}`, `{"or": [...]}` or what `leaf` returns."""
    if isinstance(tree, _Group):
        return {tree.word: [as_data(part, leaf) for part in tree.parts]}
    return leaf(tree)
