"""What counts as a try that failed, and what a task keeps between two tries: nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.act.virtual_clock import VirtualClock
from tests.support import boom, eventor, rows, start

LOST, FAILS, WORKS = "lost", "fails", "works"


class Tries:
    """A step whose tries end one after the other as told; a file keeps count, as processes die on the way."""

    def __init__(self, file: Path, *ends: str) -> None:
        self.file = file
        self.ends = ends

    def __call__(self) -> None:
        with self.file.open("a") as file:
            file.write("x")
        end = self.ends[len(self.file.read_text()) - 1]
        if end == LOST:
            os._exit(9)
        if end == FAILS:
            boom()


def until_over(store: Path, tries: Tries, **config: object) -> tuple[bool, float]:
    """Run and continue the program until no engine dies any more; the verdict, and the time spent waiting."""
    mode = evr.RunMode.restart
    for end in tries.ends:
        if end != LOST:
            continue
        child = os.fork()
        if child == 0:
            try:
                _program(store, mode, tries, config)[0].run()
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        mode = evr.RunMode.continue_
    ev, clock = _program(store, mode, tries, config)
    begun = clock.now()
    return ev.run(), clock.now() - begun


def _program(
    store: Path, mode: evr.RunMode, tries: Tries, config: dict[str, object]
) -> tuple[evr.Eventor, VirtualClock]:
    ev, clock = eventor(store, mode), VirtualClock()
    ev.use_clock(clock)
    start(ev, ev.add_step("s", tries, config=config))
    return ev, clock


@pytest.mark.parametrize(
    ("ends", "ok"),
    [
        ((LOST, FAILS, WORKS), True),
        ((LOST, LOST, LOST, WORKS), True),
        ((LOST, LOST, FAILS, WORKS), True),
        ((LOST, FAILS, FAILS), False),
    ],
)
def test_a_try_that_was_lost_with_its_engine_uses_up_no_retry(tmp_path: Path, ends: tuple[str, ...], ok: bool) -> None:
    tries = Tries(tmp_path / "tries", *ends)
    assert until_over(tmp_path / "run.db", tries, retries=1)[0] is ok
    assert len(tries.file.read_text()) == len(ends)
    words = {LOST: "cancelled", FAILS: "failure", WORKS: "success"}
    assert rows(tmp_path / "run.db", "select try, status from {attempts} order by try") == [
        (number, words[end]) for number, end in enumerate(ends, 1)
    ]


def test_a_try_that_was_lost_does_not_move_on_in_the_series_of_delays(tmp_path: Path) -> None:
    tries = Tries(tmp_path / "tries", LOST, LOST, FAILS, FAILS, WORKS)
    ok, waited = until_over(tmp_path / "run.db", tries, retries=2, retry_delay=[10, 100, 10_000])
    assert ok
    assert 110 <= waited < 200


def test_a_failure_before_the_loss_of_an_engine_still_counts(tmp_path: Path) -> None:
    tries = Tries(tmp_path / "tries", FAILS, LOST, FAILS, FAILS)
    ok, waited = until_over(tmp_path / "run.db", tries, retries=2, retry_delay=[0, 100, 10_000])
    assert not ok
    assert 100 <= waited < 200


@pytest.mark.parametrize("releases", [None, ()])
def test_between_tries_a_task_gives_its_units_back(releases: tuple[()] | None) -> None:
    ran: list[str] = []
    ev = eventor(max_concurrent=1)
    ev.use_clock(VirtualClock())
    seat = evr.ResourcePool("seat", 1)

    def flaky() -> None:
        ran.append("flaky")
        if evr.current().try_number == 1:
            boom()

    flaky_step = ev.add_step(
        "flaky", flaky, acquires=[(seat, 1)], releases=releases, config={"retries": 1, "retry_delay": 100}
    )
    start(ev, flaky_step, ev.add_step("other", ran.append, ("other",), acquires=[(seat, 1)]))
    assert ev.run()
    assert ran == ["flaky", "other", "flaky"]


def test_a_task_that_comes_back_from_its_wait_stands_in_the_queue_for_units() -> None:
    ran: list[str] = []
    ev, clock = eventor(max_concurrent=1), VirtualClock()
    ev.use_clock(clock)
    seat = evr.ResourcePool("seat", 1)

    def flaky() -> None:
        ran.append("flaky")
        if evr.current().try_number == 1:
            boom()

    def slow(name: str) -> None:
        ran.append(name)
        clock.advance(100)

    first = ev.add_step("flaky", flaky, acquires=[(seat, 1)], config={"retries": 1, "retry_delay": 50})
    others = [ev.add_step(name, slow, (name,), acquires=[(seat, 1)]) for name in ("a", "b")]
    start(ev, first, *others)
    assert ev.run()
    assert ran == ["flaky", "a", "b", "flaky"]


def test_units_that_a_waiting_task_gave_back_stay_free_for_the_engine_that_goes_on(tmp_path: Path) -> None:
    ran: list[str] = []
    store = tmp_path / "run.db"
    for mode in (evr.RunMode.restart, evr.RunMode.continue_):
        ev = eventor(store, mode)
        seat = evr.ResourcePool("seat", 1)
        config = {"retries": 1, "retry_delay": 1000}
        start(ev, ev.add_step("flaky", boom, acquires=[(seat, 1)], config=config))
        late = ev.add_event("late")
        ev.add_assoc(late, ev.add_step("other", ran.append, ("other",), acquires=[(seat, 1)]))
        if mode is evr.RunMode.continue_:
            ev.trigger_event(late, 1)
        assert ev.run(max_loops=1)
    assert ran == ["other"]
