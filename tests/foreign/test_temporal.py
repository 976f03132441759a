"""Temporal: a saga, whose steps are taken back in reverse order when a later one fails."""

from __future__ import annotations

from pathlib import Path

import pytest

import sequent as seq
from tests.foreign.runs import Flaky, in_order, run

OK, FAILED, OVER = seq.STEP_SUCCESS, seq.STEP_FAILURE, seq.STEP_OVER

BOOKINGS = ("hotel", "flight", "car")


AGAIN = {seq.STEP_SUCCESS: seq.STEP_RERUN}


def trip(flow: seq.Sequent, booked: list[str], work: Flaky) -> None:
    """Each booking after the one before; each has a step that takes it back, the last booking first.

    Recovery does all of it again: what was booked may have been taken back. Who has booked already does nothing.
    """

    def book(what: str) -> None:
        if what not in booked:
            booked.append(work(what))

    saga = flow.add_step("saga")
    steps: list[seq.FlowStep] = []
    for what in BOOKINGS:
        before = [(step, OK) for step in steps[-1:]]
        steps.append(saga.add_step(what, book, args=(what,), require=before, recovery=AGAIN))
    later: list[seq.FlowStep] = []
    for step in reversed(steps):
        undo = ((saga, FAILED), (step, OK), *((other, OVER) for other in later[-1:]))
        name = f"cancel {step.name}"
        later.append(saga.add_step(name, booked.remove, args=(step.name,), require=undo, recovery=AGAIN))
    flow.add_step("confirm", lambda: work(tuple(booked)), require=((saga, OK),))


@pytest.mark.parametrize("fails", range(3))
def test_what_was_booked_is_cancelled_in_reverse_order(fails: int) -> None:
    booked: list[str] = []
    ran = run(trip, booked, Flaky(BOOKINGS[fails]))
    assert not ran.ok
    assert booked == []
    undone = [f"saga/cancel {what}@1.1" for what in reversed(BOOKINGS[:fails])]
    assert [one for one in ran.order if "cancel" in one] == undone
    assert in_order(ran, *(f"saga/{what}@1.1" for what in BOOKINGS[: fails + 1]), *undone)


def test_a_saga_that_succeeds_cancels_nothing() -> None:
    booked: list[str] = []
    ran = run(trip, booked, Flaky())
    assert ran.ok
    assert tuple(booked) == BOOKINGS
    assert ran.order[-1] == "confirm@1"


def test_a_saga_is_recovered_as_a_whole_and_taken_back_again_if_it_fails_again(tmp_path: Path) -> None:
    booked: list[str] = []
    work = Flaky("car")
    for again in (False, True):
        assert not run(trip, booked, work, store=tmp_path / "run.db", again=again).ok
        assert booked == []
    work.fails = {BOOKINGS}
    ran = run(trip, booked, work, store=tmp_path / "run.db", again=True)
    assert (ran.ok, set(ran.errors)) == (False, {"confirm@1"})
    work.mend()
    ran = run(trip, booked, work, store=tmp_path / "run.db", again=True)
    assert ran.ok
    assert ran.results["confirm@1"] == tuple(booked) == BOOKINGS


def payment(flow: seq.Sequent) -> None:
    """Twenty are due within a day; who has paid less is reminded, and has an hour for the rest."""
    paid = flow.add_wait("paid", timeout=86400, default={"sum": 0})
    short = paid.result.sum < 20
    reminded = flow.add_step("remind", str, when=short)
    late = flow.add_wait("paid late", timeout=3600, default={"sum": 0}, require=((reminded, OK),))
    settled = late.result.sum >= 15
    flow.add_step("ship", str, when=~short | settled, require=((late, OVER),))
    flow.add_step("cancel", str, when=~settled)


@pytest.mark.parametrize(
    ("answers", "runs"),
    [
        ({"paid": {"sum": 20}}, ["ship@1"]),
        ({"paid": {"sum": 5}}, ["remind@1", "cancel@1"]),
        ({"paid": {"sum": 5}, "paid late": {"sum": 15}}, ["remind@1", "ship@1"]),
        ({}, ["remind@1", "cancel@1"]),
    ],
)
def test_a_signal_is_waited_for_with_a_timer(answers: dict[str, object], runs: list[str]) -> None:
    ran = run(payment, answers=answers)
    assert ran.ok
    assert [one for one in ran.order if "paid" not in one] == runs
