"""Parts of results and conditions on them, compared with what Python makes of the same expression of plain values.

Where values are sealed, as those are that need a codec, the outcome in the worker is the same.
"""

from __future__ import annotations

import operator
import pickle
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eventcore.define.sealed import Sealed, opened
from eventcore.define.values import encode
from sequent.errors import FlowError
from sequent.language.conditions import OPERATORS
from tests.results import Results
from tests.support import flow

NAMES = ("a", "b", "c")
_steps = {name: flow().add_step(name, print) for name in NAMES}

scalars = st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(["", "x", "xy"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", 0, 1]), inner),
    max_leaves=8,
)  # fmt: skip
keys = st.sampled_from(["x", "y", 0, 1, -1]) | st.slices(3)
results = st.fixed_dictionaries(dict.fromkeys(NAMES, values))

#: makes an expression of what stands for the results, references or plain values
Made = Callable[[Any], Any]


class Plain:
    """Plain values with the operators of references: the model."""

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = known

    def source(self, name: str) -> Any:
        return lambda: self.known[name]

    def part(self, whole: Any, key: Any) -> Any:
        return lambda: whole()[key]

    def compared(self, left: Any, symbol: str, right: Any) -> Any:
        return lambda: OPERATORS[symbol](left(), right() if callable(right) else right)

    def both(self, left: Any, right: Any) -> Any:
        return lambda: bool(left()) and bool(right())

    def either(self, left: Any, right: Any) -> Any:
        return lambda: bool(left()) or bool(right())

    def inverted(self, part: Any) -> Any:
        return lambda: not part()


class Referring:
    """The same, of references."""

    def source(self, name: str) -> Any:
        return _steps[name].result

    def part(self, whole: Any, key: Any) -> Any:
        return whole[key]

    def compared(self, left: Any, symbol: str, right: Any) -> Any:
        return OPERATORS[symbol](left, right)

    both = staticmethod(operator.and_)
    either = staticmethod(operator.or_)
    inverted = staticmethod(operator.invert)


def _source(name: str, path: list[Any]) -> Made:
    def made(kind: Any) -> Any:
        found = kind.source(name)
        for key in path:
            found = kind.part(found, key)
        return found

    return made


def _compared(left: Made, symbol: str, right: Any) -> Made:
    return lambda kind: kind.compared(left(kind), symbol, right(kind) if callable(right) else right)


parts = st.builds(_source, st.sampled_from(NAMES), st.lists(keys, max_size=3))
comparisons = st.builds(_compared, parts, st.sampled_from(list(OPERATORS)), parts | values)
conditions = st.recursive(
    comparisons | parts,
    lambda inner: st.one_of(
        st.builds(lambda left, right: lambda kind: kind.both(left(kind), right(kind)), inner, inner),
        st.builds(lambda left, right: lambda kind: kind.either(left(kind), right(kind)), inner, inner),
        st.builds(lambda part: lambda kind: kind.inverted(part(kind)), inner),
    ),
    max_leaves=6,
)


def outcome(work: Callable[[], Any]) -> Any:
    """What it returns, or that it fails."""
    try:
        return ["value", work()]
    except (FlowError, LookupError, TypeError):
        return ["failure"]


def sent(value: Any) -> Any:
    """What a worker gets of it."""
    return opened(pickle.loads(pickle.dumps(value)))


@given(conditions, results, st.sets(st.sampled_from(NAMES)))
def test_a_part_or_a_condition_is_what_python_makes_of_the_same_values(
    made: Made, known: dict[str, Any], sealed: set[str]
) -> None:
    given_values = {
        name: Sealed(encode(value), {}, name, {}) if name in sealed else value for name, value in known.items()
    }
    reference = made(Referring())
    found = outcome(lambda: sent(reference.resolve(Results(given_values), "1")))
    assert found == outcome(made(Plain(known)))
    assert type(found[-1]) is type(outcome(made(Plain(known)))[-1])


@given(conditions)
def test_its_text_is_an_expression_that_makes_the_same(made: Made) -> None:
    reference = made(Referring())
    assert repr(eval(repr(reference), {}, _steps)) == repr(reference)  # noqa: S307
