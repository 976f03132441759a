"""Containers: when an iteration is over, and what a failure inside does outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from sequent import STEP_COMPLETE, STEP_FAILURE, STEP_SUCCESS
from sequent.errors import FlowError
from sequent.language.container import DEEPEST, Container
from tests.support import boom, flow, rows


def status_of(f: seq.Sequent, step: str) -> list[str]:
    """How the instances of a step ended, by sequence."""
    found = rows(f.store, f"select status from {{tasks}} where step = '{step}' order by sequence, recovery")
    return [status for (status,) in found]


def fails_at(*sequences: str) -> Any:
    """A step that fails at some of its instances."""

    def step() -> None:
        if seq.current().sequence in sequences:
            boom(seq.current().sequence)

    return step


def test_an_iteration_is_over_when_every_child_is_finished_or_can_no_longer_be_reached() -> None:
    ran: list[str] = []
    f = flow()
    c = f.add_step("c", loop=[1, 2])
    a = c.add_step("a", ran.append, ("a",))
    branch = c.add_step("branch", ran.append, ("branch",), require=((a, STEP_FAILURE),))
    c.add_step("after the branch", ran.append, ("after",), require=((branch, STEP_SUCCESS),))
    f.add_step("next", ran.append, ("next",), require=((c, STEP_SUCCESS),))
    assert f()
    assert ran == ["a", "a", "next"]


@pytest.mark.parametrize("status", [STEP_FAILURE, STEP_COMPLETE])
def test_a_failure_that_a_sibling_requires_is_handled(tmp_path: Path, status: seq.StepStatus) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    c = f.add_step("c")
    fails = c.add_step("fails", boom)
    c.add_step("handler", ran.append, ("handler",), require=((fails, status),))
    c.add_step("other", ran.append, ("other",))
    assert f() is True
    assert sorted(ran) == ["handler", "other"]
    assert status_of(f, "c") == ["success"]


def test_an_unhandled_failure_ends_its_iteration_and_fails_its_container(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    c = f.add_step("c", loop=[1, 2, 3])
    first = c.add_step("first", fails_at("1.2"))
    c.add_step("second", lambda: ran.append(seq.current().sequence), require=((first, STEP_SUCCESS),))
    f.add_step("handler", ran.append, ("handled",), require=((c, STEP_FAILURE),))
    assert f() is True
    assert ran == ["1.1", "handled"]
    assert status_of(f, "c") == ["failure"]


def test_what_has_not_started_when_the_iteration_ends_never_will(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    c = f.add_step("c")
    c.add_step("fails", boom)
    c.add_step("ready", ran.append, ("ready",))
    c.add_step("delayed", ran.append, ("delayed",), delay=60)
    f.add_step("handler", ran.append, ("handled",), require=((c, STEP_COMPLETE),))
    assert f()
    assert ran == ["handled"]
    assert status_of(f, "c/ready") == ["cancelled"]


@pytest.mark.parametrize("status", [STEP_FAILURE, STEP_COMPLETE])
def test_a_failure_deep_inside_is_taken_by_the_handler_of_an_enclosing_container(
    tmp_path: Path, status: seq.StepStatus
) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    outer = f.add_step("outer")
    outer.add_step("inner").add_step("leaf", boom)
    f.add_step("handler", ran.append, ("handled",), require=((outer, status),))
    f.add_step("beside", ran.append, ("beside",))
    assert f() is True
    assert sorted(ran) == ["beside", "handled"]
    assert status_of(f, "outer/inner") == status_of(f, "outer") == ["failure"]


def test_at_the_root_an_unhandled_failure_fails_the_run() -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("c").add_step("fails", boom)
    f.add_step("later", ran.append, ("later",), delay=0.05)
    assert f() is False
    assert ran == []


def test_a_failure_in_one_container_does_not_end_the_iteration_of_another() -> None:
    ran: list[str] = []
    f = flow()
    bad = f.add_step("bad")
    bad.add_step("fails", boom)
    good = f.add_step("good", loop=[1, 2])
    good.add_step("works", ran.append, ("works",))
    f.add_step("handler", ran.append, ("handled",), require=((bad, STEP_FAILURE),))
    assert f() is True
    assert sorted(ran) == ["handled", "works", "works"]


def test_without_stop_on_exception_the_iteration_goes_on_and_fails_in_the_end(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db", stop_on_exception=False)
    c = f.add_step("c", loop=[1, 2])
    c.add_step("fails", fails_at("1.1"))
    c.add_step("other", lambda: ran.append(seq.current().sequence))
    assert f() is False
    assert ran == ["1.1", "1.2"]
    assert status_of(f, "c") == ["failure"]


def test_a_handler_that_fails_is_a_failure() -> None:
    f = flow()
    a = f.add_step("a", boom)
    f.add_step("handler", boom, require=((a, STEP_FAILURE),))
    assert f() is False


def test_a_looped_leaf_fails_when_one_of_its_iterations_does(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    leaf = f.add_step("leaf", fails_at("1.2"), loop=[1, 2, 3])
    f.add_step("handler", ran.append, ("handled",), require=((leaf, STEP_FAILURE),))
    assert f() is True
    assert ran == ["handled"]
    assert status_of(f, "leaf") == ["failure"]


def test_retries_come_before_the_iteration_is_given_up() -> None:
    def once() -> None:
        if seq.current().try_number == 1:
            boom()

    f = flow(retries=1)
    f.add_step("c", loop=[1, 2]).add_step("s", once)
    assert f() is True


def test_control_steps_are_recorded_in_the_transaction_of_their_cause(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db")
    s = f.add_step("a").add_step("b").add_step("c")
    s.add_step("leaf", int)
    assert f()
    ends = rows(f.store, "select distinct ended from {tasks}")
    assert len(ends) == 1


def test_an_iteration_that_nobody_can_finish_is_not_awaited_forever() -> None:
    pool = seq.ResourcePool("slot", 1)
    f = flow()
    c = f.add_step("c")
    c.add_step("keeps", int, acquires=[(pool, 1)], releases=[])
    c.add_step("waits", int, acquires=[(pool, 1)])
    assert f() is False


def test_steps_can_be_a_hundred_levels_deep() -> None:
    ran: list[str] = []
    made = flow()
    inside: Container = made
    for level in range(99):
        inside = inside.add_step(f"c{level}")
    last = inside.add_step("last", lambda: ran.append(seq.current().sequence))
    made.check()
    assert made.run()
    assert ran == [".".join(["1"] * 100)]
    assert last.depth == DEEPEST == 100


def test_steps_that_are_deeper_are_refused() -> None:
    inside: Container = flow()
    for level in range(100):
        inside = inside.add_step(f"c{level}")
    with pytest.raises(FlowError, match="step 'more' in 'c99': steps can be at most 100 levels deep; add it to a step"):
        inside.add_step("more")
