"""Common Workflow Language: conditional steps, the first value that is there, and scatters over one or two inputs."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

import sequent as seq
from tests.foreign.runs import run

OVER, OK = seq.STEP_OVER, seq.STEP_SUCCESS


def first_non_null(*values: Any) -> Any:
    """The first that is not None; an error if all are."""
    return next(value for value in values if value is not None)


def conditional(flow: seq.Sequent, kind: str) -> None:
    """An alternative for each kind of file, of which one is right, or none."""
    found = flow.add_step("look", lambda: kind)
    bam = flow.add_step("bam", str.upper, args=(found.result,), when=found.result == "bam")
    cram = flow.add_step("cram", str.title, args=(found.result,), when=found.result == "cram")
    flow.add_step("pick", first_non_null, args=(bam.result, cram.result), require=((bam, OVER), (cram, OVER)))


@pytest.mark.parametrize(("kind", "picked"), [("bam", "BAM"), ("cram", "Cram")])
def test_the_value_of_the_alternative_that_ran_is_picked(kind: str, picked: str) -> None:
    ran = run(conditional, kind)
    assert ran.ok
    assert ran.results["pick@1"] == picked


def test_it_is_an_error_if_none_ran() -> None:
    ran = run(conditional, "txt")
    assert not ran.ok
    assert list(ran.errors) == ["pick@1"]


def test_scatters_over_two_inputs() -> None:
    def build(flow: seq.Sequent) -> None:
        words, numbers = flow.add_step("words", lambda: ["a", "b"]), flow.add_step("numbers", lambda: [1, 2])
        pairs = flow.add_step("pairs", lambda *inputs: list(zip(*inputs, strict=True)),
                              args=(words.result, numbers.result))  # fmt: skip
        dot = flow.add_step("dot", loop=pairs.result)
        dotted = dot.add_step("repeat", lambda pair: pair[0] * pair[1], args=(dot.item,))
        outer = flow.add_step("outer", loop=words.result)
        inner = outer.add_step("inner", loop=numbers.result)
        nested = inner.add_step("repeat", lambda word, n: word * n, args=(outer.item, inner.item))
        crossed = flow.add_step("crossed", lambda *inputs: list(product(*inputs)), args=(words.result, numbers.result))
        flat = flow.add_step("flat", loop=crossed.result)
        flattened = flat.add_step("repeat", lambda pair: pair[0] * pair[1], args=(flat.item,))
        flow.add_step("gather", lambda *lists: lists,
                      args=(dot.results(dotted), outer.results(nested), flat.results(flattened)))  # fmt: skip

    ran = run(build)
    assert ran.ok
    assert ran.results["gather@1"] == (["a", "bb"], [["a", "aa"], ["b", "bb"]], ["a", "aa", "b", "bb"])


def test_a_condition_within_a_scatter_leaves_holes_where_it_is_false() -> None:
    def build(flow: seq.Sequent) -> None:
        numbers = flow.add_step("numbers", loop=[1, 2, 3, 4])
        even = numbers.add_step("even", lambda n: n % 2 == 0, args=(numbers.item,))
        halved = numbers.add_step("half", lambda n: n // 2, args=(numbers.item,), when=even.result)
        flow.add_step("all_non_null", lambda found: [one for one in found if one is not None],
                      args=(numbers.results(halved),))  # fmt: skip

    ran = run(build)
    assert ran.ok
    assert ran.results["all_non_null@1"] == [1, 2]


def test_a_loop_hands_its_outputs_to_the_next_iteration_and_returns_the_last_or_all() -> None:
    def build(flow: seq.Sequent) -> None:
        enough = seq.until(limit=20)
        loop = flow.add_step("loop", loop=enough)
        doubled = loop.add_step("double", lambda before: 2 * (before or 1), args=(seq.previous("double").result,))
        tested = loop.add_step("test", lambda number: number >= 10, args=(doubled.result,))
        enough.when(tested.result)
        flow.add_step("last", int, args=(loop.results(doubled)[-1],))
        flow.add_step("all", list, args=(loop.results(doubled),))

    ran = run(build)
    assert ran.ok
    assert (ran.results["last@1"], ran.results["all@1"]) == (16, [2, 4, 8, 16])
