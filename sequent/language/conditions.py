"""Conditions on values: comparisons of references, joined with `&`, `|` and `~`.

A condition is a reference to whether it holds. Where a value can only be read in the worker, so can the condition.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from eventcore.define.reference import Lookup, has_references, mapped, resolved
from eventcore.define.sealed import Computed, Sealed, opened
from sequent.errors import ConditionError, FlowError
from sequent.language.parts import described
from sequent.language.stand_in import FlowReference, sources_in

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
LONGEST = 80  #: characters of a plain value that are shown
DEEPEST = 200  #: how many conditions may be in one another, so that Python can follow


class Condition(FlowReference):
    """Base of conditions; resolving one tells whether it holds, and raises `ConditionError` where nobody can say."""

    _depth = 1

    def _around(self, *parts: object) -> None:
        """Take note of the conditions that it consists of."""
        self._depth = 1 + max((part._depth for part in parts if isinstance(part, Condition)), default=0)
        if self._depth > DEEPEST:
            raise FlowError(
                f"conditions are nested more than {DEEPEST} levels deep; let a step find out about a part of it, and "
                "refer to its result"
            )

    def __bool__(self) -> NoReturn:
        raise FlowError(
            f"{self!r} is not known before the run, so it is neither true nor false yet; join conditions with &, | and "
            "~, each comparison in parentheses, not with and, or, not, in or a chain such as 0 < x < 9"
        )

    def __getitem__(self, key: object) -> NoReturn:
        raise FlowError(f"{self!r} is true or false, so it has no parts; put the comparison in parentheses")

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self!r} is true or false, so it has no part .{name}" if name[0] != "_" else name)


class Comparison(Condition):
    """`kind.result == "full"`: a reference beside a value or another reference."""

    def __init__(self, left: FlowReference, symbol: str, right: object) -> None:
        self._left = left
        self._symbol = symbol
        self._right = right
        self._around(left, right)

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Condition`."""
        left, right = resolved(self._left, lookup, sequence), resolved(self._right, lookup, sequence)
        arguments = (left, self._symbol, right, repr(self))
        if has_references(left) or has_references(right):
            return Computed(_holds, arguments)
        return _holds(*arguments)

    def __repr__(self) -> str:
        return f"{_shown(self._left)} {self._symbol} {_shown(self._right)}"

    def _sources(self) -> Iterator[FlowReference]:
        return sources_in((self._left, self._right))

    def _mapped(self, replace: Callable[[FlowReference], FlowReference]) -> Any:
        return Comparison(_replaced(self._left, replace), self._symbol, _replaced(self._right, replace))


class Not(Condition):
    """`~condition`."""

    def __init__(self, part: FlowReference) -> None:
        self._part = part
        self._around(part)

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Condition`."""
        holds = _truth(self._part, lookup, sequence)
        return Computed(_is_not, (holds,)) if isinstance(holds, Sealed) else not holds

    def __repr__(self) -> str:
        return f"~{_shown(self._part)}"

    def _sources(self) -> Iterator[FlowReference]:
        return self._part._sources()

    def _mapped(self, replace: Callable[[FlowReference], FlowReference]) -> Any:
        return Not(self._part._mapped(replace))


class Joined(Condition):
    """`a & b`, `a | b`: from left to right, no further than needed."""

    def __init__(self, symbol: str, parts: tuple[FlowReference, ...]) -> None:
        self._symbol = symbol
        self._parts: tuple[FlowReference, ...] = ()
        for part in parts:
            if not isinstance(part, FlowReference):
                said = ", ".join(repr(one) for one in parts if isinstance(one, FlowReference))
                raise FlowError(
                    f"{said}: {_shown(part)} cannot be joined to it with {symbol}; join references and comparisons, "
                    'each comparison in parentheses, such as (a.result == "x") & (b.result > 0)'
                )
            self._parts += part._parts if isinstance(part, Joined) and part._symbol == symbol else (part,)
        self._around(*self._parts)

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Condition`."""
        decisive = self._symbol == "|"
        sealed: list[Any] = []  #: what is known only in the worker, and what comes after that
        for part in self._parts:
            try:
                holds = _truth(part, lookup, sequence)
            except FlowError as error:
                if not sealed:
                    raise
                holds = Computed(_fails, (type(error), str(error)))
            if isinstance(holds, Sealed):
                sealed.append(holds)
            elif holds is decisive:
                if not sealed:
                    return decisive
                sealed.append(holds)
                break
        return Computed(_is_joined, (decisive, sealed)) if sealed else not decisive

    def __repr__(self) -> str:
        return f" {self._symbol} ".join(_shown(part) for part in self._parts)

    def _sources(self) -> Iterator[FlowReference]:
        return sources_in(self._parts)

    def _mapped(self, replace: Callable[[FlowReference], FlowReference]) -> Any:
        return Joined(self._symbol, tuple(part._mapped(replace) for part in self._parts))


class Truth(Condition):
    """A reference as a condition: whether its value is true."""

    def __init__(self, part: FlowReference) -> None:
        self._part = part

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Condition`."""
        return _truth(self._part, lookup, sequence)

    def __repr__(self) -> str:
        return repr(self._part)

    def _sources(self) -> Iterator[FlowReference]:
        return self._part._sources()

    def _mapped(self, replace: Callable[[FlowReference], FlowReference]) -> Any:
        return as_condition(self._part._mapped(replace))


def as_condition(reference: FlowReference) -> Condition:
    """The condition that the value of a reference is true; a condition stays itself."""
    return reference if isinstance(reference, Condition) else Truth(reference)


def _truth(part: FlowReference, lookup: Lookup, sequence: str) -> Any:
    value = part.resolve(lookup, sequence)
    if isinstance(part, Condition):
        return value
    return Computed(_is_true, (value, repr(part))) if isinstance(value, Sealed) else _is_true(value, repr(part))


def _is_true(value: Any, shown: str) -> bool:
    value = opened(value)
    try:
        return bool(value)
    except Exception as error:  # such as the truth of an array
        raise ConditionError(
            f"{shown} is {described(value)}, which is neither true nor false; compare it or a part ({_said(error)})"
        ) from None


def _holds(left: Any, symbol: str, right: Any, shown: str) -> bool:
    left, right = opened(left), opened(right)
    try:
        return bool(OPERATORS[symbol](left, right))
    except Exception as error:  # whatever a comparison of two objects raises
        raise ConditionError(
            f"{shown}: the two cannot be compared, as the first is {described(left)} and the second {described(right)} "
            f"({_said(error)})"
        ) from None


def _is_not(holds: Any) -> bool:
    return not opened(holds)


def _is_joined(decisive: bool, parts: list[Any]) -> bool:
    return decisive if any(opened(part) is decisive for part in parts) else not decisive


def _fails(kind: type[FlowError], text: str) -> NoReturn:
    raise kind(text)


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _replaced(operand: Any, replace: Callable[[FlowReference], FlowReference]) -> Any:
    return mapped(operand, lambda found: found._mapped(replace) if isinstance(found, FlowReference) else found)


def _shown(operand: object) -> str:
    if isinstance(operand, (Comparison, Joined)):
        return f"({operand!r})"
    return repr(operand) if isinstance(operand, FlowReference) else shown_plain(operand)


def shown_plain(value: object) -> str:
    """The text of a value that is no reference, in one line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
