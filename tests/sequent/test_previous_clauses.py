"""Clauses on steps in earlier iterations of a loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sequent as seq
from sequent import RUN_RECOVER, RUN_RESTART, STEP_COMPLETE, STEP_FAILURE, STEP_SUCCESS, RunMode
from tests.support import boom, flow


def noted(ran: list[str], failing: tuple[str, ...] = ()) -> Callable[[], None]:
    """A step that notes where it ran, and fails at some sequences."""

    def step() -> None:
        ran.append(seq.current().sequence)
        if seq.current().sequence in failing:
            boom()

    return step


def test_the_first_iterations_do_not_wait_and_one_behind_a_failure_is_not_reached() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    days = f.add_step("days", loop=range(5))
    days.add_step("load", noted(ran, ("1.1",)), require=((seq.previous("load", 2), STEP_SUCCESS),))
    assert f() is False
    assert ran == ["1.1", "1.2", "1.4"]


def test_recovery_knows_what_came_in_iterations_that_it_passes_over(tmp_path: Path) -> None:
    ran: list[str] = []

    def made(run_mode: RunMode, *failing: str) -> seq.Sequent:
        f = flow(tmp_path / "run.db", run_mode, run_id="r", stop_on_exception=False)
        days = f.add_step("days", loop=range(3), concurrent=2)
        days.add_step("load", noted(ran, failing), require=((seq.previous("load"), STEP_SUCCESS),))
        return f

    assert made(RUN_RESTART, "1.3")() is False
    assert made(RUN_RECOVER)() is True
    assert ran == ["1.1", "1.2", "1.3", "1.3"]


def test_an_iteration_waits_for_a_step_beside_one_that_looks_back() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    days = f.add_step("days", loop=range(3))
    asked = days.add_step("asked", noted(ran), when=lambda: False, require=((seq.previous("asked"), STEP_FAILURE),))
    either = seq.or_((asked, STEP_SUCCESS), (seq.previous("asked"), STEP_COMPLETE))
    days.add_step("looks back", noted(ran), require=either)
    assert f() is True
    assert ran == ["1.1"]
