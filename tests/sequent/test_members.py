"""`any_of`, `at_least`, `all_of`: how many iterations of a loop, or steps of a container, have a status."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sequent import (
    RUN_RECOVER,
    RUN_RESTART,
    STEP_ACTIVE,
    STEP_COMPLETE,
    STEP_FAILURE,
    STEP_OVER,
    STEP_SUCCESS,
    RunMode,
    Sequent,
    Skip,
    all_of,
    any_of,
    at_least,
    current,
)
from tests.support import boom, flow, rows


def test_a_step_that_fails_fails_the_container_whose_members_are_asked_for_failures(tmp_path: Path) -> None:
    ran: list[str] = []
    f = flow(tmp_path / "run.db", stop_on_exception=False)
    box = f.add_step("box")
    box.add_step("bad", boom)
    box.add_step("good", int)
    f.add_step("handler", ran.append, ("handler",), require=any_of(box, STEP_FAILURE))
    f.add_step("after", ran.append, ("after",), require=((box, STEP_SUCCESS),))
    assert f() is True
    assert ran == ["handler"]
    assert rows(f.store, "select status from {tasks} where step = 'box'") == [("failure",)]


def test_the_one_step_of_a_container_is_counted_before_the_container_ends() -> None:
    ran: list[str] = []
    f = flow()
    box = f.add_step("box")
    box.add_step("loop", int, loop=[1, 2])
    for status in (STEP_SUCCESS, STEP_OVER):
        f.add_step(f"after {status}", ran.append, (str(status),), require=all_of(box, status))
    assert f()
    assert len(ran) == 2


def test_iterations_that_do_not_begin_any_more_are_over() -> None:
    ran: list[str] = []
    f = flow()
    files = f.add_step("files", lambda: boom() if current().sequence == "1.1" else None, loop=[1, 2, 3])
    f.add_step("over", ran.append, ("over",), require=all_of(files, STEP_OVER))
    f.add_step("two", ran.append, ("two",), require=at_least(2, files, STEP_SUCCESS))
    assert f() is False
    assert ran == ["over"]


def test_members_of_a_container_whose_condition_fails_never_have_a_status() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    outer = f.add_step("outer")
    inner = outer.add_step("inner", int, loop=[1, 2], when=boom, config={"allow_failure": True})
    outer.add_step("waits", ran.append, ("waits",), require=at_least(1, inner, STEP_ACTIVE))
    f.add_step("after", ran.append, ("after",), require=((outer, STEP_SUCCESS),))
    assert f() is True
    assert ran == ["after"]


def test_recovery_counts_the_steps_of_a_container_that_had_succeeded(tmp_path: Path) -> None:
    ran: list[str] = []

    def made(run_mode: RunMode, last: Callable[[], object]) -> Sequent:
        f = flow(tmp_path / "run.db", run_mode, run_id="r")
        box = f.add_step("box")
        box.add_step("first", ran.append, ("first",))
        box.add_step("loop", ran.append, ("loop",), loop=[1])
        f.add_step("last", last, require=all_of(box, STEP_SUCCESS))
        return f

    assert made(RUN_RESTART, boom)() is False
    assert made(RUN_RECOVER, lambda: ran.append("last"))() is True
    assert ran == ["first", "loop", "last"]


def test_that_too_few_are_left_is_told_before_the_container_ends() -> None:
    ran: list[str] = []

    def nothing() -> None:
        raise Skip("nothing new")

    f = flow()
    outer = f.add_step("outer")
    box = outer.add_step("box")
    box.add_step("inside", nothing)
    outer.add_step("waits", ran.append, ("waits",), require=all_of(box, STEP_COMPLETE))
    f.add_step("after", ran.append, ("after",), require=((outer, STEP_SUCCESS),))
    assert f() is True
    assert ran == ["after"]
