"""Clauses on the flow itself, or on a step's own container: steps that run when everything else there is over."""

from __future__ import annotations

from sequent import STEP_COMPLETE, STEP_FAILURE, STEP_OVER, STEP_SUCCESS, Sequent
from sequent.language.container import Container
from tests.support import boom, flow

STATUSES = (STEP_SUCCESS, STEP_FAILURE, STEP_COMPLETE, STEP_OVER)


def closing(level: Container, ran: list[str]) -> None:
    """A step for each way in which all else on the level may have ended."""
    for status in STATUSES:
        level.add_step(f"on {status.value}", ran.append, (status.value,), require=((level, status),))


def made(ran: list[str], *, fails: bool) -> Sequent:
    f = flow()
    f.add_step("work", boom if fails else int)
    closing(f, ran)
    return f


def test_they_tell_success_from_failure_and_hide_none() -> None:
    good: list[str] = []
    assert made(good, fails=False)() is True
    assert sorted(good) == ["complete", "over", "success"]
    bad: list[str] = []
    assert made(bad, fails=True)() is False
    assert sorted(bad) == ["complete", "failure", "over"]


def test_a_handled_failure_is_none_of_the_level() -> None:
    ran: list[str] = []
    f = flow()
    box = f.add_step("box")
    work = box.add_step("work", boom)
    box.add_step("handler", ran.append, ("handler",), require=((work, STEP_FAILURE),))
    closing(box, ran)
    assert f() is True
    assert ran[0] == "handler" and sorted(ran[1:]) == ["complete", "over", "success"]


def test_an_iteration_that_is_ended_from_outside_is_over_and_neither_success_nor_failure() -> None:
    ran: list[str] = []
    f = flow(max_concurrent=1)
    f.add_step("bad", boom)
    box = f.add_step("box")
    box.add_step("work", ran.append, ("work",))
    closing(box, ran)
    assert f() is False
    assert ran == ["over"]


def test_what_requires_them_comes_after_them_and_is_not_waited_for() -> None:
    ran: list[str] = []
    f = flow()
    f.add_step("work", ran.append, ("work",))
    report = f.add_step("report", ran.append, ("report",), require=((f, STEP_SUCCESS),))
    f.add_step("sent", ran.append, ("sent",), require=((report, STEP_SUCCESS),))
    assert f() is True
    assert ran == ["work", "report", "sent"]
