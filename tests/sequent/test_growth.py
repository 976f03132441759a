"""Work that grows with a flow and no faster: counted in calls of functions, so that a busy machine changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.decide.rerunning import Rerun
from eventcore.define.reachability import warnings
from sequent import STEP_FAILURE, STEP_SUCCESS
from sequent.language.container import Container
from sequent.testing import run_flow
from tests.support import boom, eventor, flow, start

SMALL, FACTOR = 50, 4
ALLOWANCE = 1.25  #: a sort is a little more than linear; what is quadratic takes four times as much as is allowed


def nothing() -> None: ...


def interrupt() -> None:
    raise KeyboardInterrupt


def calls_in(action: Callable[[], object]) -> int:
    """How many functions, those of C included, are called in an action."""
    counted = 0

    def count(_frame: Any, what: str, _argument: Any) -> None:
        nonlocal counted
        counted += what.endswith("call")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return counted


def assert_linear(prepared: Callable[[int], Callable[[], object]], smaller: int = SMALL) -> None:
    """`prepared(size)` makes ready what is to be measured, and returns it."""
    prepared(2)()  # imports, and what is remembered for the whole process
    small, large = (calls_in(prepared(size)) for size in (smaller, FACTOR * smaller))
    assert large < ALLOWANCE * FACTOR * small


def chain(inside: Container, size: int) -> seq.FlowStep:
    """Steps one after the other; returns the last."""
    last = inside.add_step("s1", nothing)
    for number in range(2, size + 1):
        last = inside.add_step(f"s{number}", nothing, require=((last, STEP_SUCCESS),))
    return last


def many(inside: Container, size: int, **given: Any) -> list[seq.FlowStep]:
    """Steps side by side."""
    return [inside.add_step(f"m{number}", nothing, **given) for number in range(1, size + 1)]


def sources_before_a_tail(made: seq.Sequent, size: int) -> None:
    sources = many(made, size)
    first = made.add_step("first", nothing, require=[(source, STEP_SUCCESS) for source in sources])
    tail = made.add_step("tail", require=((first, STEP_SUCCESS),))
    chain(tail, size)


def sources_along_a_tail(made: seq.Sequent, size: int) -> None:
    last, *others = many(made, size)
    for number, source in enumerate(others):
        require = seq.or_((last, STEP_SUCCESS), (source, STEP_FAILURE))
        last = made.add_step(f"t{number}", nothing, require=require)


def layers(made: seq.Sequent, size: int) -> None:
    """Ten to a layer, each of which waits for all of the layer before: ten times as many edges as steps."""
    before: list[seq.FlowStep] = []
    for layer in range(1 + size // 10):
        require = [(step, STEP_SUCCESS) for step in before]
        before = [made.add_step(f"l{layer}-{number}", nothing, require=require) for number in range(10)]


def flat(made: seq.Sequent, size: int) -> None:
    many(made, size)


def flat_inside(made: seq.Sequent, size: int) -> None:
    many(made.add_step("c"), size)


def chain_inside(made: seq.Sequent, size: int) -> None:
    chain(made.add_step("c"), size)


def one_unit(made: seq.Sequent, size: int) -> None:
    many(made, size, acquires=((seq.ResourcePool("one", 1), 1),))


SHAPES = [sources_before_a_tail, sources_along_a_tail, layers, flat, flat_inside, chain_inside, one_unit]


@pytest.mark.parametrize("shape", SHAPES)
def test_checking_is_linear_in_steps_and_edges(shape: Callable[[seq.Sequent, int], None]) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow()
        shape(made, size)
        return made.check

    assert_linear(prepared)


@pytest.mark.parametrize("shape", SHAPES)
def test_running_is_linear_in_steps_and_edges(shape: Callable[[seq.Sequent, int], None]) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow()
        shape(made, size)
        return made.run

    assert_linear(prepared)


@pytest.mark.parametrize("shape", SHAPES)
def test_recovering_is_linear_in_steps_and_edges(shape: Callable[[seq.Sequent, int], None], tmp_path: Path) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow(tmp_path / f"{size}.db", logging_level="CRITICAL", stop_on_exception=False)
        shape(made, size)
        made.add_step("fails", boom)
        assert not made.run()
        return lambda: made.run(run_mode=seq.RUN_RECOVER)

    assert_linear(prepared)


@pytest.mark.parametrize("shape", SHAPES)
def test_continuing_is_linear_in_steps_and_edges(shape: Callable[[seq.Sequent, int], None], tmp_path: Path) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow(tmp_path / f"{size}.db")
        shape(made, size)
        steps = [step for step in made.walk() if step.func is not None]
        middle = steps[len(steps) // 2]
        middle.func = interrupt
        with pytest.raises(KeyboardInterrupt):
            made.run()
        middle.func = nothing
        return lambda: made.run(run_mode=seq.RUN_CONTINUE)

    assert_linear(prepared)


@pytest.mark.parametrize("joined", [seq.and_, seq.or_])
@pytest.mark.parametrize("turned", [False, True])
def test_looking_for_what_is_never_reached_is_linear_in_events(joined: Callable[..., Any], turned: bool) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = eventor()
        events = [made.add_event(f"e{number}") for number in range(size)]
        start(made, made.add_step("first", triggers={STEP_SUCCESS: events}))
        made.add_assoc(made.add_event("joined", joined(*events[:: -1 if turned else 1])), made.add_step("last"))
        built = made.built()
        return lambda: warnings(built.program, built.starts) == [] or pytest.fail("everything can be reached")

    assert_linear(prepared)


def test_finding_that_every_step_requires_an_unknown_one_is_linear_in_steps() -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow()
        for number in range(size):
            made.add_step(f"load-{number}", nothing, require=((f"laod-{number}", STEP_SUCCESS),))
        return lambda: len(made.problems()) == size or pytest.fail("not all were found")

    assert_linear(prepared)


def test_checking_steps_deep_inside_is_linear_in_levels() -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow()
        inside: Container = made
        for level in range(size):
            inside = inside.add_step(f"c{level}", config={"retries": level})
        many(inside, 20)
        return made.check

    assert_linear(prepared, 20)


@pytest.mark.parametrize("join", [seq.and_, seq.or_])
def test_a_requirement_that_is_put_together_part_by_part_is_linear_in_parts(join: Callable[..., Any]) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow()
        parts = [(step, STEP_SUCCESS) for step in many(made, size)]
        return lambda: made.add_step("last", require=reduce(join, parts[1:], join(parts[0])))

    assert_linear(prepared)


@pytest.mark.parametrize("path", ["c/s1", "c"])
def test_rerunning_what_depends_on_a_step_is_linear_in_steps(path: str, tmp_path: Path) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow(tmp_path / f"{size}.db")
        chain_inside(made, size)
        assert made.run()
        return lambda: made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun(path, None, "downstream"))

    assert_linear(prepared)


@pytest.mark.parametrize("path", ["c/s1", "c"])
def test_rerunning_what_depends_on_a_step_is_linear_in_iterations(path: str, tmp_path: Path) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow(tmp_path / f"{size}.db")
        chain(made.add_step("c", loop=range(size)), 2)
        assert made.run()
        return lambda: made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun(path, None, "downstream"))

    assert_linear(prepared)


@pytest.mark.parametrize("answers", [{}, {"approved": True}])
def test_testing_a_flow_is_linear_in_steps(answers: dict[str, Any]) -> None:
    def prepared(size: int) -> Callable[[], object]:
        made = flow()
        made.add_wait("approved")
        chain(made, size)
        return lambda: run_flow(made, answers=answers)

    assert_linear(prepared)
