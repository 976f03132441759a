"""Conditions of steps that cannot be evaluated, beside what waits for the step."""

from __future__ import annotations

from sequent import STEP_FAILURE, STEP_OVER, STEP_READY, STEP_SUCCESS
from tests.support import boom, flow


def test_a_condition_that_fails_leaves_nothing_waiting() -> None:
    ran: list[str] = []
    f = flow(stop_on_exception=False)
    box = f.add_step("box")
    asked = box.add_step("asked", int, when=boom, config={"allow_failure": True})
    for status in (STEP_READY, STEP_SUCCESS, STEP_FAILURE, STEP_OVER):
        box.add_step(f"after {status}", ran.append, (status.value,), require=((asked, status),))
    f.add_step("after", ran.append, ("after",), require=((box, STEP_SUCCESS),))
    assert f() is True
    assert sorted(ran) == ["after", "failure", "over", "ready"]


def test_a_failed_condition_is_a_failure_of_its_step_and_handled_like_one() -> None:
    ran: list[str] = []
    f = flow()
    asked = f.add_step("asked", int, when=boom)
    f.add_step("handler", ran.append, ("handler",), require=((asked, STEP_FAILURE),))
    assert f() is True
    assert ran == ["handler"]
