"""`require`: what must hold before a step starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import pytest

import sequent as seq
from eventcore.errors import ProgramError
from sequent import STEP_ACTIVE, STEP_COMPLETE, STEP_FAILURE, STEP_READY, STEP_SUCCESS, and_, or_
from tests.support import boom, flow

OK = STEP_SUCCESS

WAYS: dict[str, Callable[..., Any]] = {
    "a tuple of one pair": lambda a, b: ((a, OK),),
    "a list of one pair": lambda a, b: [(a, OK)],
    "a pair as a list": lambda a, b: [[a, OK]],
    "a pair alone": lambda a, b: (a, OK),
    "a set of pairs": lambda a, b: {(a, OK), (b, OK)},
    "a generator of pairs": lambda a, b: ((step, OK) for step in (a, b)),
    "two pairs": lambda a, b: ((a, OK), (b, OK)),
    "nested tuples": lambda a, b: (((a, OK), ((b, OK),)),),
    "or_": lambda a, b: (or_((a, OK), (a, STEP_FAILURE)),),
    "or_ alone": lambda a, b: or_((a, OK), (a, STEP_FAILURE)),
    "and_ in or_": lambda a, b: or_(and_((a, OK), (b, OK)), (a, STEP_FAILURE)),
    "a step by its name": lambda a, b: (("a", OK),),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_requirement_holds_when_all_of_its_parts_do(way: str) -> None:
    ran: list[str] = []
    f = flow()
    late = f.add_step("late", ran.append, ("late",))
    a = f.add_step("a", ran.append, ("a",), require=((late, OK),))
    b = f.add_step("b", ran.append, ("b",), require=((late, OK),))
    f.add_step("last", ran.append, ("last",), require=WAYS[way](a, b))
    assert f()
    assert ran.index("last") > ran.index("a")
    assert len(ran) == 4


@pytest.mark.parametrize(
    ("combine", "runs"),
    [
        (lambda x, y: x & y, False),
        (lambda x, y: x | y, True),
        (lambda x, y: (x, y), False),
        (lambda x, y: or_(x, y), True),
    ],
)
def test_an_event_stands_in_further_requirements(combine: Callable[[Any, Any], Any], runs: bool) -> None:
    ran: list[str] = []
    f = flow()
    a = f.add_step("a", int)
    worked, failed = f.add_event(((a, OK),)), f.add_event(((a, STEP_FAILURE),))
    f.add_step("s", ran.append, ("s",), require=combine(worked, failed))
    assert f()
    assert bool(ran) is runs


@pytest.mark.parametrize("status", [STEP_READY, STEP_ACTIVE, STEP_SUCCESS, STEP_COMPLETE])
def test_every_status_of_a_step_that_succeeds_can_be_required(status: seq.StepStatus) -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("s", ran.append, ("s",), require=((f.add_step("a", int), status),))
    assert f()
    assert ran == ["s"]


@pytest.mark.parametrize("status", [STEP_READY, STEP_ACTIVE, STEP_FAILURE, STEP_COMPLETE])
def test_every_status_of_a_step_that_fails_can_be_required(status: seq.StepStatus) -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    f.add_step("s", ran.append, ("s",), require=((f.add_step("a", boom), status),))
    assert f() is (status in (STEP_FAILURE, STEP_COMPLETE))
    assert ran == ["s"]


@pytest.mark.parametrize("status", list(seq.StepStatus))
@pytest.mark.parametrize("fails", [False, True])
def test_every_status_of_a_container_can_be_required(status: seq.StepStatus, fails: bool) -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    container = f.add_step("c", loop=[1, 2])
    container.add_step("a", boom if fails else int)
    f.add_step("s", ran.append, ("s",), require=((container, status),))
    f()
    comes = status is not (STEP_SUCCESS if fails else STEP_FAILURE)
    assert ran == ["s"] * comes


def test_a_step_that_requires_active_runs_beside_the_one_it_names() -> None:
    together = threading.Barrier(2)
    f = flow(task_construct="thread", max_concurrent=2)
    a = f.add_step("a", together.wait, (10,))
    f.add_step("b", together.wait, (10,), require=((a, STEP_ACTIVE),))
    assert f()


def test_a_clause_may_name_a_step_of_an_enclosing_container() -> None:
    ran: list[str] = []
    f = flow()
    late = f.add_step("late", ran.append, ("late",), delay=0.05)
    outer = f.add_step("outer")
    setup = outer.add_step("setup", ran.append, ("setup",), require=((late, OK),))
    inner = outer.add_step("inner", loop=[1, 2])
    inner.add_step("s", ran.append, ("s",), require=((late, OK), (setup, OK)))
    assert f()
    assert ran == ["late", "setup", "s", "s"]


def test_it_is_the_instance_that_encloses_this_one() -> None:
    ran: list[str] = []

    def fails_in_the_second() -> None:
        if seq.current().sequence == "1.2":
            boom()

    f = flow(stop_on_exception=False)
    outer = f.add_step("outer", loop=[1, 2, 3])
    check = outer.add_step("check", fails_in_the_second)
    inner = outer.add_step("inner", loop=["a", "b"])
    inner.add_step("s", lambda: ran.append(seq.current().sequence), require=((check, OK),))
    assert not f()
    assert ran == ["1.1.1", "1.1.2", "1.3.1", "1.3.2"]


def test_an_inner_step_sees_a_status_that_came_before_its_iteration_began() -> None:
    ran: list[str] = []
    f = flow()
    early = f.add_step("early", int)
    container = f.add_step("c", loop=[1, 2, 3], require=((early, OK),))
    container.add_step("s", ran.append, ("s",), require=((early, OK),))
    assert f()
    assert ran == ["s"] * 3


@pytest.mark.parametrize("word", ["require", "requires"])
def test_the_later_spelling_means_the_same(word: str) -> None:
    ran: list[str] = []
    f = flow()
    first = f.add_step("first", ran.append, ("first",), delay=0.02)
    f.add_step("second", ran.append, ("second",), **cast("Any", {word: ((first, OK),)}))
    assert f()
    assert ran == ["first", "second"]


@pytest.mark.parametrize("nothing", [(), [], None, set()])
def test_nothing_required_means_nothing(nothing: Any) -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("a", ran.append, ("a",), require=nothing)
    assert f()
    assert ran == ["a"]


def test_a_branch_not_taken_is_no_failure() -> None:
    ran: list[str] = []
    f = flow()
    a = f.add_step("a", int)
    b = f.add_step("on failure", ran.append, ("b",), require=((a, STEP_FAILURE),))
    f.add_step("after", ran.append, ("c",), require=((b, OK),))
    assert f() is True
    assert ran == []


def alternating(made: seq.Sequent, levels: int, *, by_events: bool) -> Any:
    """A requirement of `levels` levels of and and or, in one expression or made of one event after the other."""
    first, *others = [made.add_step(f"s{number}") for number in range(levels + 1)]
    tree: Any = (first, OK)
    for number, step in enumerate(others):
        tree = (and_ if number % 2 else or_)(tree, (step, OK))
        if by_events:
            tree = made.add_event(tree)
    return tree


@pytest.mark.parametrize("by_events", [False, True])
def test_requirements_nest_two_hundred_levels_deep(by_events: bool) -> None:
    ran: list[Any] = []
    made = flow()
    result = made.add_step("result", list)
    container = made.add_step("container")
    container.add_step("last", ran.append, (result.result,), require=alternating(made, 200, by_events=by_events))
    made.check()
    assert made.run()
    assert ran == [[]]


@pytest.mark.parametrize("by_events", [False, True])
def test_requirements_that_nest_deeper_are_refused(by_events: bool) -> None:
    made = flow()
    with pytest.raises(ProgramError, match="its and and or are nested more than 200 levels deep; let a step"):
        made.add_step("last", require=alternating(made, 1_000, by_events=by_events))
