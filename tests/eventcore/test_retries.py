"""Retries and timeouts: each try is an attempt, and only the last failure counts as the task's."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.act.virtual_clock import VirtualClock
from tests.support import boom, eventor, rows, start


def failing(times: int) -> Callable[[], int]:
    """A step that fails in its first tries; it answers the number of the try that went well."""

    def step() -> int:
        tried = evr.current().try_number
        return boom(f"try {tried}") if tried <= times else tried

    return step


def test_a_failed_task_is_tried_again_as_often_as_it_may(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    start(ev, ev.add_step("s", failing(2), config={"retries": 2}))
    assert ev.run()
    assert rows(store, "select try, status, error from {attempts} order by try") == [
        (1, "failure", "ValueError: try 1"), (2, "failure", "ValueError: try 2"), (3, "success", None),
    ]  # fmt: skip
    assert rows(store, "select status from {tasks}") == [("success",)]


def test_only_the_last_failure_counts_as_the_tasks() -> None:
    ran: list[str] = []
    ev = eventor()
    failed = ev.add_event("failed")
    ev.add_assoc(failed, ev.add_step("handler", ran.append, ("handled",)))
    start(ev, ev.add_step("well in the end", failing(1), triggers={evr.STEP_FAILURE: failed}, config={"retries": 1}))
    start(ev, ev.add_step("never", failing(9), triggers={evr.STEP_FAILURE: failed}, config={"retries": 1}), sequence=2)
    assert ev.run()
    assert ran == ["handled"]


def test_retries_can_be_set_for_the_whole_program() -> None:
    ev = eventor(retries=1)
    start(ev, ev.add_step("s", failing(1)))
    assert ev.run()


def test_a_list_of_delays_gives_each_retry_its_own_and_its_last_serves_the_rest(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    ev.use_clock(VirtualClock())
    start(ev, ev.add_step("s", failing(3), config={"retries": 3, "retry_delay": [0, 0.1]}))
    assert ev.run()
    times = rows(store, "select started, ended from {attempts} order by try")
    waits = [after[0] - before[1] for before, after in pairwise(times)]
    assert waits == pytest.approx([0, 0.1, 0.1])


def test_exponential_delays_grow_up_to_their_limit_with_jitter(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    delay = {"first": 0.02, "factor": 3, "max": 0.06, "jitter": 0.5}
    start(ev, ev.add_step("s", failing(3), config={"retries": 3, "retry_delay": delay}))
    assert ev.run()
    times = rows(store, "select started, ended from {attempts} order by try")
    waits = [after[0] - before[1] for before, after in pairwise(times)]
    for wait, least in zip(waits, (0.02, 0.06, 0.06), strict=True):
        assert wait >= least - 0.005


def test_a_retry_that_waits_is_outstanding_and_one_pass_does_not_await_it() -> None:
    ev = eventor()
    start(ev, ev.add_step("s", failing(1), config={"retries": 1, "retry_delay": 60}))
    assert ev.run(max_loops=1)
    total, due = ev.count_todos()
    assert total == 1
    assert due is not None
    assert 50 < due <= 60


def test_a_waiting_retry_survives_its_engine(tmp_path: Path) -> None:
    for mode in (evr.RunMode.restart, evr.RunMode.continue_):
        ev = eventor(tmp_path / "run.db", mode)
        start(ev, ev.add_step("s", failing(1), config={"retries": 1, "retry_delay": 0.05}))
        assert ev.run(max_loops=1)
        time.sleep(0.06)
    assert rows(tmp_path / "run.db", "select status, try from {tasks}") == [("success", 2)]


async def waits_long() -> None:
    """A coroutine that is not through in time."""
    await asyncio.sleep(600)


GATE = threading.Event()  #: what threads wait at that are not through in time; an engine does not await them


@pytest.fixture(scope="module", autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """The gate opens at the end."""
    yield
    GATE.set()


@pytest.mark.parametrize(
    ("construct", "func", "args"),
    [("process", time.sleep, (600,)), ("thread", GATE.wait, (600,)), ("async", waits_long, ())],
)
def test_a_step_past_its_timeout_fails(tmp_path: Path, construct: str, func: Any, args: tuple[Any, ...]) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    start(ev, ev.add_step("s", func, args, config={"task_construct": construct, "timeout": 0.2}))
    assert not ev.run()
    [(error,)] = rows(store, "select error from {attempts}")
    assert error == "timed out after 0.2 s"


def test_a_thread_past_its_timeout_keeps_no_other_step_waiting() -> None:
    ran: list[str] = []
    ev = eventor(task_construct="thread", stop_on_exception=False, max_concurrent=1)
    start(
        ev, ev.add_step("slow", GATE.wait, (600,), config={"timeout": 0.1}), ev.add_step("next", ran.append, ("next",))
    )
    assert not ev.run()
    assert ran == ["next"]


def test_a_timed_out_try_is_tried_again() -> None:
    def slow_at_first() -> None:
        if evr.current().try_number == 1:
            GATE.wait(600)

    ev = eventor(task_construct="thread")
    start(ev, ev.add_step("s", slow_at_first, config={"timeout": 1, "retries": 1}))
    assert ev.run()


def test_the_time_counts_from_the_start_of_the_try_and_not_in_the_queue() -> None:
    ev = eventor(task_construct="thread", max_concurrent=1, timeout=1.5)
    start(ev, *(ev.add_step(f"s{i}", time.sleep, (0.6,)) for i in range(3)))
    assert ev.run()
