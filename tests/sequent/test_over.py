"""`STEP_OVER`: what comes when a step has ended in any way, or is certain not to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sequent import (
    RUN_RECOVER,
    RUN_RESTART,
    STEP_ACTIVE,
    STEP_COMPLETE,
    STEP_FAILURE,
    STEP_OVER,
    STEP_READY,
    STEP_SUCCESS,
    RunMode,
    Sequent,
    Skip,
    StepStatus,
    all_of,
)
from tests.support import boom, flow


def test_it_comes_after_success_after_failure_and_where_a_step_is_not_reached() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    good, bad = f.add_step("good", int), f.add_step("bad", boom)
    never = f.add_step("never", int, require=((good, STEP_FAILURE), (bad, STEP_SUCCESS)))
    for step in (good, bad, never):
        f.add_step(f"after {step.name}", ran.append, (step.name,), require=((step, STEP_OVER),))
    assert f() is False
    assert sorted(ran) == ["bad", "good", "never"]


def test_it_handles_no_failure() -> None:
    ran: list[str] = []
    f = flow()
    bad = f.add_step("bad", boom)
    f.add_step("cleanup", ran.append, ("cleanup",), require=((bad, STEP_OVER),))
    assert f() is False
    assert ran == ["cleanup"]


def test_a_loop_that_waits_for_it_runs_after_a_failure_has_stopped_the_run() -> None:
    ran: list[int] = []
    f = flow()
    bad = f.add_step("bad", boom)
    f.add_step("plain", ran.append, (0,), require=((bad, STEP_SUCCESS),))
    cleanup = f.add_step("cleanup", loop=[1, 2], require=((bad, STEP_OVER),))
    cleanup.add_step("one", ran.append, (cleanup.item,))
    assert f() is False
    assert ran == [1, 2]


def test_the_members_of_a_container_that_does_not_run_are_over() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    good = f.add_step("good", int)
    box = f.add_step("box", require=((good, STEP_FAILURE),))
    box.add_step("inside", int)
    many = f.add_step("many", int, loop=lambda: [1, 2], require=((good, STEP_FAILURE),))
    for container in (box, many):
        f.add_step(f"after {container.name}", ran.append, (container.name,), require=all_of(container, STEP_OVER))
    assert f()
    assert ran == ["box", "many"]


def test_what_waits_for_it_starts_after_a_user_has_cancelled_the_run() -> None:
    ran: list[str] = []
    f = flow(task_construct="thread")
    asks = f.add_step("asks", lambda: f.cancel())
    f.add_step("plain", ran.append, ("plain",), require=((asks, STEP_SUCCESS),))
    f.add_step("cleanup", ran.append, ("cleanup",), require=((asks, STEP_OVER),))
    f.add_step("last", ran.append, ("last",), require=((f, STEP_OVER),))
    f.add_step("good", ran.append, ("good",), require=((f, STEP_COMPLETE),))
    assert f() is False
    assert ran == ["cleanup", "last"]


def test_what_waits_for_it_starts_after_a_user_has_cancelled_the_container() -> None:
    ran: list[str] = []
    f = flow(task_construct="thread")
    box = f.add_step("box")
    asks = box.add_step("asks", lambda: f.cancel("box"))
    box.add_step("plain", ran.append, ("plain",), require=((asks, STEP_SUCCESS),))
    cleanup = box.add_step("cleanup", loop=[1], require=((asks, STEP_OVER),))
    cleanup.add_step("inside", ran.append, ("inside",))
    box.add_step("good", ran.append, ("good",), require=((box, STEP_SUCCESS),))
    f.add_step("after", ran.append, ("after",), require=((box, STEP_OVER),))
    f()
    assert ran == ["inside", "after"]


@pytest.mark.parametrize("status", [STEP_READY, STEP_ACTIVE])
def test_a_step_that_found_nothing_to_do_was_ready_and_active_also_in_recovery(
    tmp_path: Path, status: StepStatus
) -> None:
    ran: list[str] = []

    def nothing() -> None:
        raise Skip("nothing new")

    def made(run_mode: RunMode, last: Callable[[], object]) -> Sequent:
        f = flow(tmp_path / "run.db", run_mode, run_id="r")
        skips = f.add_step("skips", nothing)
        late = f.add_step("late", int, require=((skips, STEP_OVER),))
        f.add_step("both", ran.append, ("both",), require=((skips, status), (late, STEP_SUCCESS)))
        f.add_step("last", last, require=((skips, status), (f, STEP_OVER)))
        return f

    assert made(RUN_RESTART, boom)() is False
    assert made(RUN_RECOVER, lambda: ran.append("last"))() is True
    assert ran == ["both", "last"]
