"""`run`: how long it works, what it answers, and what `count_todos` says before, during and after it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from tests.support import boom, eventor, rows, start


def delayed(ev: evr.Eventor, ran: list[str], delay: float) -> None:
    """Step `first`, and `second` a delay after it."""
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("second", ran.append, ("second",)), delay=delay)
    start(ev, ev.add_step("first", ran.append, ("first",), triggers={evr.STEP_SUCCESS: (done,)}))


def test_calling_the_object_is_running_it() -> None:
    ran: list[str] = []
    ev = eventor()
    start(ev, ev.add_step("a", ran.append, ("a",)))
    assert ev() is True
    assert ran == ["a"]


def test_by_default_it_works_until_nothing_is_left_pending_delays_included() -> None:
    ran: list[str] = []
    ev = eventor()
    delayed(ev, ran, 0.05)
    assert ev.run() is True
    assert ran == ["first", "second"]
    assert ev.count_todos() == (0, None)


def test_one_pass_does_all_that_can_be_done_without_waiting_for_a_delay() -> None:
    ran: list[str] = []
    ev = eventor()
    delayed(ev, ran, 60)
    assert ev.run(max_loops=1) is True
    assert ran == ["first"]
    total, due = ev.count_todos()
    assert total == 1
    assert due is not None
    assert 0 < due <= 60


def test_however_many_passes_none_waits_for_a_delay() -> None:
    ran: list[str] = []
    ev = eventor(sleep_between_loops=0)
    delayed(ev, ran, 60)
    assert ev.run(max_loops=3) is True
    assert ran == ["first"]
    assert ev.count_todos()[0] == 1


def test_between_two_passes_it_sleeps_so_the_next_finds_what_fell_due_meanwhile() -> None:
    ran: list[str] = []
    ev = eventor(sleep_between_loops=0.3)
    delayed(ev, ran, 0.2)
    assert ev.run(max_loops=2) is True
    assert ran == ["first", "second"]


def test_passes_end_early_when_nothing_is_outstanding() -> None:
    ran: list[str] = []
    ev = eventor(sleep_between_loops=3600)
    start(ev, ev.add_step("a", ran.append, ("a",)))
    assert ev.run(max_loops=100) is True
    assert ran == ["a"]


def test_what_is_triggered_between_two_passes_is_taken_up_at_once(tmp_path: Path) -> None:
    ran: list[str] = []
    ev = eventor(tmp_path / "run.db", sleep_between_loops=3600)
    delayed(ev, ran, 3600)
    ends = ev.add_event("ends")
    ev.add_assoc(ends, ev.add_step("fails", boom))

    def trigger() -> None:
        while ran != ["first"] or ev.count_todos()[0] != 1:
            time.sleep(0.01)
        ev.trigger_event(ends)

    thread = threading.Thread(target=trigger)
    thread.start()
    assert ev.run(max_loops=2) is False
    thread.join()


def test_a_sleep_between_passes_is_of_seconds() -> None:
    with pytest.raises(evr.EventcoreError, match="sleep_between_loops must be a number of seconds, 0 or more, not -1"):
        eventor(sleep_between_loops=-1)


def test_a_pass_is_true_while_nothing_unhandled_has_failed() -> None:
    ev = eventor()
    start(ev, ev.add_step("fails", boom))
    assert ev.run(max_loops=1) is False


def test_nothing_to_do_is_a_success() -> None:
    assert eventor().run() is True


def test_no_passes_do_nothing() -> None:
    ran: list[str] = []
    ev = eventor()
    start(ev, ev.add_step("a", ran.append, ("a",)))
    ev.run(max_loops=0)
    assert ran == []


def test_called_again_it_goes_on_with_the_same_run_and_repeats_nothing(tmp_path: Path) -> None:
    ran: list[str] = []
    ev = eventor(tmp_path / "run.db")
    delayed(ev, ran, 0.05)
    assert ev.run(max_loops=1)
    first = ev.run_id
    assert ev.run()
    assert ev.run()
    assert ran == ["first", "second"]
    assert ev.run_id == first
    assert len(rows(tmp_path / "run.db", "select * from {runs}")) == 1


def test_it_takes_the_constructors_arguments_so_one_object_restarts_and_then_recovers(tmp_path: Path) -> None:
    ran: list[str] = []
    broken = [True]

    def second() -> None:
        if broken[0]:
            boom()
        ran.append("second")

    ev = eventor(tmp_path / "one.db")
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("second", second))
    start(ev, ev.add_step("first", ran.append, ("first",), triggers={evr.STEP_SUCCESS: (done,)}))
    other = str(tmp_path / "other.db")
    assert not ev.run(run_mode=evr.RunMode.restart, run_id="mine", store=other, config={"task_construct": "invoke"})
    broken[0] = False
    assert ev.run(run_mode=evr.RunMode.recover, run_id="mine", recovery_run=0, shared_db=True, logging_level="ERROR")
    assert ran == ["first", "second"]
    assert rows(other, "select run_id, recovery from {runs}") == [("mine", 1)]


def test_restarting_an_object_makes_a_new_run(tmp_path: Path) -> None:
    ran: list[str] = []
    ev = eventor(tmp_path / "run.db")
    start(ev, ev.add_step("a", ran.append, ("a",)))
    assert ev.run()
    first = ev.run_id
    assert ev.run(run_mode=evr.RunMode.restart)
    assert ev.run_id != first
    assert ran == ["a", "a"]


def test_a_task_that_waits_for_what_nothing_can_bring_is_stalled_and_said(caplog: pytest.LogCaptureFixture) -> None:
    pool = evr.ResourcePool("licence", 1)
    ev = eventor()
    start(ev, *(ev.add_step(name, int, acquires=[(pool, 1)], releases=[]) for name in ("keeps", "waits")))
    assert ev.run() is False
    [said] = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Stalled")]
    assert "waits@1" in said
    assert "1 of resource 'licence' (0 of 1 free)" in said
    assert ev.count_todos() == (1, None)


def test_an_expression_that_was_half_fulfilled_is_not_reached_and_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ev = eventor()
    a, b = ev.add_event("a"), ev.add_event("b")
    ev.add_event("both", (a, b))
    ev.trigger_event(a, "5")
    assert ev.run() is True
    assert "Not reached: both@5 (still missing: b)" in caplog.messages


@pytest.mark.parametrize(("func", "verdict"), [(int, "success"), (boom, "failure")])
def test_the_last_line_is_the_seeds(func: Callable[..., Any], verdict: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ev = eventor()
    start(ev, ev.add_step("s", func))
    ev.run()
    assert caplog.messages[-1] == f"Processing finished with: {verdict}; outstanding tasks: 0"


def test_the_last_line_counts_what_is_outstanding(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ev = eventor()
    delayed(ev, [], 60)
    ev.run(max_loops=1)
    assert caplog.messages[-1] == "Processing finished with: success; outstanding tasks: 1"


def test_before_a_run_its_start_triggers_are_outstanding() -> None:
    ev = eventor()
    assert ev.count_todos() == (0, None)
    start(ev, ev.add_step("a"))
    start(ev, ev.add_step("b"))
    assert ev.count_todos() == (2, None)


def test_during_a_run_tasks_and_delays_are_outstanding() -> None:
    seen: list[tuple[int, float | None]] = []
    ev = eventor(task_construct="thread", max_concurrent=1)
    later = ev.add_event("later")
    ev.add_assoc(later, ev.add_step("delayed"), delay=0.3)
    ev.trigger_event(later, 1)
    start(ev, ev.add_step("looks", lambda: seen.append(ev.count_todos())), ev.add_step("waits", int))
    assert ev.run()
    [(total, due)] = seen
    assert total == 3
    assert due is not None
    assert 0 < due <= 0.3


@pytest.mark.parametrize("in_memory", [True, False])
def test_after_a_run_and_after_close_the_count_is_still_known(tmp_path: Path, in_memory: bool) -> None:
    ev = eventor(":memory:" if in_memory else tmp_path / "run.db")
    delayed(ev, [], 60)
    ev.run(max_loops=1)
    before = ev.count_todos()
    ev.close()
    after = ev.count_todos()
    assert before[0] == after[0] == 1
    assert before[1] == pytest.approx(after[1], abs=5)


def test_close_can_be_called_again_and_at_any_time() -> None:
    ev = eventor()
    ev.close()
    ev.close()
    with eventor() as other:
        start(other, other.add_step("a"))
        assert other.run()
        other.close()
    other.close()


def test_an_event_raised_from_another_thread_is_taken_up_at_once() -> None:
    begun = threading.Event()
    ran: list[float] = []
    ev = eventor(task_construct="thread", max_concurrent=2)
    news = ev.add_event("news")
    ev.add_assoc(news, ev.add_step("reader", lambda: ran.append(time.monotonic())))

    def long() -> float:
        begun.set()
        while not ran:
            time.sleep(0.005)
        return time.monotonic()

    start(ev, ev.add_step("long", long))
    thread = threading.Thread(target=lambda: begun.wait(60) and ev.trigger_event(news, 1))
    thread.start()
    assert ev.run()
    thread.join()
    assert len(ran) == 1


class Meter:
    """Counts how many of its calls run at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __call__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1


@pytest.mark.parametrize(("config", "most"), [({}, 1), ({"max_concurrent": 3}, 3)])
def test_at_most_max_concurrent_steps_run_at_once_and_by_default_one(config: dict[str, Any], most: int) -> None:
    meter = Meter()
    ev = eventor(task_construct="thread", **config)
    start(ev, *(ev.add_step(f"s{i}", meter) for i in range(6)))
    assert ev.run()
    assert meter.most == most


@pytest.mark.parametrize("limit", [0, -1])
def test_below_one_there_is_no_limit(limit: int) -> None:
    together = threading.Barrier(20)
    ev = eventor(task_construct="thread", max_concurrent=limit)
    start(ev, *(ev.add_step(f"s{i}", together.wait, (10,)) for i in range(20)))
    assert ev.run()


def test_in_a_steps_config_max_concurrent_limits_that_step() -> None:
    meter, together = Meter(), threading.Barrier(4)
    ev = eventor(task_construct="thread", max_concurrent=10)
    event = ev.add_event("e")
    ev.add_assoc(event, ev.add_step("limited", meter, config={"max_concurrent": 1}))
    ev.add_assoc(event, ev.add_step("free", together.wait, (10,)))
    for sequence in range(1, 5):
        ev.trigger_event(event, sequence)
    assert ev.run()
    assert meter.most == 1
