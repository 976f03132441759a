"""Failures that are allowed: shown as failures, and counted as handled."""

from __future__ import annotations

from pathlib import Path

from sequent import STEP_FAILURE, STEP_SUCCESS
from tests.support import boom, flow, rows

ALLOWED = {"allow_failure": True}


def test_the_run_succeeds_and_what_requires_the_success_is_not_reached(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db")
    bad = f.add_step("bad", boom, config=ALLOWED)
    for status in (STEP_SUCCESS, STEP_FAILURE):
        f.add_step(f"after {status.value}", ran.append, (status.value,), require=((bad, status),))
    f.add_step("beside", ran.append, ("beside",))
    assert f() is True
    assert sorted(ran) == ["beside", "failure"]
    assert rows(f.store, "select status from {tasks} where step = 'bad'") == [("failure",)]


def test_on_a_container_it_holds_for_what_fails_inside_and_that_ends_the_iteration() -> None:
    ran: list[str] = []
    f = flow(max_concurrent=1)
    outer = f.add_step("outer")
    box = outer.add_step("box", loop=[1, 2], config=ALLOWED)
    bad = box.add_step("bad", boom)
    box.add_step("after", ran.append, ("after",), require=((bad, STEP_SUCCESS),))
    outer.add_step("beside", ran.append, ("beside",))
    f.add_step("last", ran.append, ("last",), require=((outer, STEP_SUCCESS),))
    assert f() is True
    assert ran == ["beside", "last"]
