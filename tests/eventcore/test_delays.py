"""Delays: stored due times that survive the process and that nothing starts again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import eventcore as evr
from tests.support import boom, eventor, rows, start


def program(store: Path, mode: evr.RunMode, ran: list[str], delay: float, *, fails: bool = False) -> evr.Eventor:
    """Step `first`, and `second` a delay after it."""
    ev = eventor(store, mode)
    done = ev.add_event("done")
    second = ev.add_step("second", boom if fails else ran.append, () if fails else ("second",))
    ev.add_assoc(done, second, delay=delay)
    start(ev, ev.add_step("first", ran.append, ("first",), triggers={evr.STEP_SUCCESS: (done,)}))
    return ev


def test_an_association_waits_its_delay() -> None:
    ran: list[float] = []
    ev = eventor()
    now, later = ev.add_event("now"), ev.add_event("later")
    ev.add_assoc(now, ev.add_step("a", lambda: ran.append(time.monotonic())), later)
    ev.add_assoc(later, ev.add_step("b", lambda: ran.append(time.monotonic())), delay=0.2)
    ev.trigger_event(now, 1)
    assert ev.run()
    assert ran[1] - ran[0] >= 0.19


def test_delays_are_served_in_the_order_in_which_they_fall_due() -> None:
    ran: list[str] = []
    ev = eventor()
    event = ev.add_event("e")
    for name, delay in (("late", 0.1), ("now", 0), ("soon", 0.05)):
        ev.add_assoc(event, ev.add_step(name, ran.append, (name,)), delay=delay)
    ev.trigger_event(event, 1)
    assert ev.run()
    assert ran == ["now", "soon", "late"]


def test_a_delay_is_stored_as_a_due_time(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    before = time.time()
    assert program(store, evr.RunMode.restart, [], 60).run(max_loops=1)
    [(due,)] = rows(store, "select due from {delays}")
    assert before + 60 <= due <= time.time() + 60


def test_continue_serves_a_delay_when_it_is_due_and_not_before(tmp_path: Path) -> None:
    ran: list[str] = []
    store = tmp_path / "run.db"
    with program(store, evr.RunMode.restart, ran, 1.5) as ev:
        assert ev.run(max_loops=1)
    with program(store, evr.RunMode.continue_, ran, 1.5) as ev:
        assert ev.run(max_loops=1)
        assert ran == ["first"]
        total, due = ev.count_todos()
    assert total == 1
    assert due is not None
    time.sleep(due + 0.02)
    with program(store, evr.RunMode.continue_, ran, 1.5) as ev:
        assert ev.run(max_loops=1)
        assert ev.count_todos() == (0, None)
    assert ran == ["first", "second"]


@pytest.mark.parametrize("mode", [evr.RunMode.continue_, evr.RunMode.recover])
def test_another_engine_does_not_start_a_delay_again(tmp_path: Path, mode: evr.RunMode) -> None:
    store = tmp_path / "run.db"
    assert program(store, evr.RunMode.restart, [], 60).run(max_loops=1)
    time.sleep(0.05)
    assert program(store, mode, [], 60).run(max_loops=1)
    assert len({due for (due,) in rows(store, "select due from {delays}")}) == 1


def test_a_delay_that_fell_due_meanwhile_is_served_at_once_by_recovery(tmp_path: Path) -> None:
    ran: list[str] = []
    store = tmp_path / "run.db"
    assert program(store, evr.RunMode.restart, ran, 0.05).run(max_loops=1)
    time.sleep(0.06)
    assert program(store, evr.RunMode.recover, ran, 0.05).run(max_loops=1)
    assert ran == ["first", "second"]


def test_continue_leaves_a_failure_a_failure(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    assert not program(store, evr.RunMode.restart, [], 0, fails=True).run()
    assert not program(store, evr.RunMode.continue_, [], 0).run()
    assert rows(store, "select status from {tasks} where step = 'second'") == [("failure",)]


def test_continue_keeps_the_recovery_number_and_recovery_takes_the_next(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for mode, recovery in ((evr.RunMode.restart, 0), (evr.RunMode.continue_, 0), (evr.RunMode.recover, 1)):
        assert program(store, mode, [], 60).run(max_loops=1)
        assert rows(store, "select recovery from {runs}") == [(recovery,)]


def test_passes_without_a_pause_between_them_do_not_wait_for_a_delay(tmp_path: Path) -> None:
    ran: list[str] = []
    ev = program(tmp_path / "run.db", evr.RunMode.restart, ran, 3600)
    ev.configure({"sleep_between_loops": 0})
    assert ev.run(max_loops=10**9)
    assert ran == ["first"]
