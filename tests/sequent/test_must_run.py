"""Steps that must run: where one does not, the run is no success."""

from __future__ import annotations

from pathlib import Path

import pytest

import sequent as seq
from sequent import RUN_RECOVER, RUN_RESTART, STEP_FAILURE, STEP_SUCCESS, RunMode
from tests.support import boom, flow, rows

MUST = {"must_run": True}


def test_a_step_that_must_run_and_is_not_reached_fails_the_run_and_says_why(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db")
    first = f.add_step("first", int)
    f.add_step("must", int, require=((first, STEP_FAILURE),), config=MUST)
    assert f() is False
    ((error,),) = rows(f.store, "select error from {attempts} where step = 'must'")
    assert error == "it must run, but what it requires cannot come any more"


def test_what_is_around_a_step_that_must_run_does_not_handle_that() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    first = f.add_step("first", int)
    box = f.add_step("box", require=((first, STEP_FAILURE),))
    box.add_step("must", int, config=MUST)
    f.add_step("handler", ran.append, ("handler",), require=((box, STEP_FAILURE),))
    f.add_step("good", ran.append, ("good",), require=((f, STEP_SUCCESS),))
    assert f() is False
    assert ran == ["handler"]


def test_a_clause_on_the_step_itself_handles_that() -> None:
    ran: list[str] = []
    f = flow()
    first = f.add_step("first", int)
    must = f.add_step("must", int, require=((first, STEP_FAILURE),), config=MUST)
    f.add_step("handler", ran.append, ("handler",), require=((must, STEP_FAILURE),))
    assert f() is True
    assert ran == ["handler"]


@pytest.mark.parametrize("waits", [True, False], ids=["not reached", "ready"])
def test_it_fails_too_where_a_handled_failure_ends_its_iteration(waits: bool) -> None:
    ran: list[str] = []
    f = flow(max_concurrent=1)
    box = f.add_step("box")
    bad = box.add_step("bad", boom)
    box.add_step("must", ran.append, ("must",), require=((bad, STEP_SUCCESS),) if waits else (), config=MUST)
    f.add_step("handler", ran.append, ("handler",), require=((box, STEP_FAILURE),))
    assert f() is False
    assert "must" not in ran


def test_recovery_asks_again_for_one_that_was_not_reached_beside_another_failure(tmp_path: Path) -> None:
    def made(run_mode: RunMode, failing: str) -> seq.Sequent:
        f = flow(tmp_path / "run.db", run_mode, run_id="r", stop_on_exception=False)
        days = f.add_step("days", loop=range(2))
        days.add_step("load", lambda: boom() if seq.current().sequence == failing else None)
        days.add_step("must", int, when=lambda: seq.current().sequence != "1.2", config=MUST)
        return f

    assert made(RUN_RESTART, "1.1")() is False
    assert made(RUN_RECOVER, "")() is False
    read = "select recovery from {tasks} where step = 'days/must' and status = 'failure'"
    assert rows(tmp_path / "run.db", read) == [(1,)]


def test_a_container_that_a_user_cancels_takes_what_must_run_in_it_along(tmp_path: Path) -> None:
    f = flow(tmp_path / "run.db", task_construct="thread")
    box = f.add_step("box")
    asks = box.add_step("asks", lambda: f.cancel("box"))
    box.add_step("must", int, require=((asks, STEP_SUCCESS),), config=MUST)
    f()
    assert rows(f.store, "select status from {tasks} where step = 'box/must'") == []
