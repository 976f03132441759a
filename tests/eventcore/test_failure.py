"""Failures: each is of one task alone, and what it does to the run depends on whether something handles it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from tests.support import boom, eventor, rows, start


class UntravelledError(Exception):
    """An exception that cannot be pickled, shown or made again."""

    def __init__(self, what: object, why: object) -> None:
        super().__init__(what)
        self.lock = threading.Lock()

    def __str__(self) -> str:
        raise RuntimeError("no text")


def raising(error: Callable[[], BaseException]) -> Callable[[], None]:
    """A step that raises."""

    def step() -> None:
        raise error()

    return step


def exhausted() -> None:
    """A step that never comes back from calling itself."""
    exhausted()


FAILURES: dict[str, tuple[Callable[[], Any], str]] = {
    "an exception": (boom, "ValueError: boom"),
    "SystemExit": (raising(lambda: SystemExit(0)), "SystemExit: 0"),
    "sys.exit in a library": (raising(SystemExit), "SystemExit"),
    "an exception that cannot travel": (raising(lambda: UntravelledError(1, 2)), "UntravelledError"),
    "a group of exceptions": (raising(lambda: ExceptionGroup("all", [ValueError(1)])), "ExceptionGroup"),
    "a base exception": (raising(lambda: BaseException("base")), "BaseException: base"),
    "an exception that is a name with half a character": (raising(lambda: OSError("\udc80")), "\\udc80"),
    "a cancelled coroutine": (raising(asyncio.CancelledError), "ancelled"),
    "endless recursion": (exhausted, "RecursionError"),
    "an assertion": (raising(lambda: AssertionError("no")), "AssertionError: no"),
}


@pytest.mark.parametrize("construct", ["invoke", "thread", "async", "process"])
def test_whatever_a_step_raises_fails_that_task_alone(tmp_path: Path, construct: str) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct=construct, stop_on_exception=False, max_concurrent=4)
    start(ev, *(ev.add_step(name, func) for name, (func, _) in FAILURES.items()), ev.add_step("good", int))
    assert not ev.run()
    errors = dict(rows(store, "select step, error from {attempts} where status = 'failure'"))
    assert errors.keys() == FAILURES.keys()
    for name, (_, says) in FAILURES.items():
        assert says in errors[name]
    assert rows(store, "select status from {tasks} where step = 'good'") == [("success",)]


@pytest.mark.parametrize("construct", ["thread", "process"])
def test_a_step_that_interrupts_itself_fails_like_any_other(construct: str) -> None:
    ev = eventor(task_construct=construct)
    start(ev, ev.add_step("s", raising(KeyboardInterrupt)))
    assert not ev.run()


DEATHS: dict[str, tuple[Callable[[], Any], str]] = {
    "a killed worker": (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
    "a worker that leaves": (lambda: os._exit(3), "3"),
}


@pytest.mark.parametrize("death", DEATHS)
def test_a_dead_worker_fails_its_own_task_and_no_other(tmp_path: Path, death: str) -> None:
    func, says = DEATHS[death]
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct="process", stop_on_exception=False, max_concurrent=2)
    start(ev, ev.add_step("dies", func), *(ev.add_step(f"lives {i}", int) for i in range(3)))
    assert not ev.run()
    assert [status for (status,) in rows(store, "select status from {tasks} where step like 'lives%'")] == [
        "success"
    ] * 3
    [(error,)] = rows(store, "select error from {attempts} where step = 'dies'")
    assert says in error


def test_the_traceback_is_stored_and_ends_in_the_users_code(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    start(ev, ev.add_step("s", boom, ("math domain error",)))
    assert not ev.run()
    [(error, traceback)] = rows(store, "select error, traceback from {attempts}")
    assert error == "ValueError: math domain error"
    assert "support.py" in traceback
    assert "in boom" in traceback
    assert "envelope.py" not in traceback


def handled_by(status: evr.StepStatus, **config: Any) -> tuple[bool, list[str]]:
    """A failing step with an event at a moment, and a step that is reached meanwhile."""
    ran: list[str] = []
    ev = eventor(**config)
    event = ev.add_event("handler wanted")
    ev.add_assoc(event, ev.add_step("handler", ran.append, ("handler",)))
    start(ev, ev.add_step("fails", boom, triggers={status: (event,)}), ev.add_step("other", ran.append, ("other",)))
    return ev.run(), ran


@pytest.mark.parametrize("status", [evr.STEP_FAILURE, evr.STEP_COMPLETE])
def test_a_failure_is_handled_where_an_event_is_mapped_to_failure_or_complete(status: evr.StepStatus) -> None:
    assert handled_by(status) == (True, ["other", "handler"])


@pytest.mark.parametrize("status", [evr.STEP_READY, evr.STEP_ACTIVE, evr.STEP_SUCCESS])
def test_other_moments_do_not_handle_a_failure(status: evr.StepStatus) -> None:
    ok, ran = handled_by(status)
    assert not ok
    assert "other" not in ran


def test_an_unhandled_failure_lets_nothing_new_start_and_awaits_no_delay(tmp_path: Path) -> None:
    ran: list[str] = []
    ev = eventor()
    later = ev.add_event("later")
    ev.add_assoc(later, ev.add_step("delayed", ran.append, ("delayed",)), delay=60)
    ev.trigger_event(later, 1)
    start(ev, ev.add_step("fails", boom), ev.add_step("waits", ran.append, ("waits",)))
    begun = time.monotonic()
    assert not ev.run()
    assert time.monotonic() - begun < 30
    assert ran == []


def test_what_runs_when_a_failure_stops_the_run_may_finish(tmp_path: Path) -> None:
    both_run, failed = threading.Barrier(2), threading.Event()

    def fails() -> None:
        both_run.wait(60)
        failed.set()
        boom()

    def runs_on() -> str:
        both_run.wait(60)
        failed.wait(60)
        time.sleep(0.1)
        return "through"

    store = tmp_path / "run.db"
    ev = eventor(store, task_construct="thread", max_concurrent=2)
    start(ev, ev.add_step("fails", fails), ev.add_step("runs on", runs_on))
    assert not ev.run()
    assert rows(store, "select value from {results}") == [('"through"',)]


def test_without_stop_on_exception_everything_else_goes_on_and_the_verdict_is_failure() -> None:
    ran: list[str] = []
    ev = eventor(stop_on_exception=False)
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("after", ran.append, ("after",)), delay=0.01)
    start(
        ev, ev.add_step("fails", boom), ev.add_step("other", ran.append, ("other",), triggers={evr.STEP_SUCCESS: done})
    )
    assert not ev.run()
    assert ran == ["other", "after"]


@pytest.mark.parametrize(("program", "step", "runs"), [(True, False, ["other"]), (False, True, [])])
def test_a_step_overrides_stop_on_exception(program: bool, step: bool, runs: list[str]) -> None:
    ran: list[str] = []
    ev = eventor(stop_on_exception=program)
    start(
        ev, ev.add_step("fails", boom, config={"stop_on_exception": step}), ev.add_step("other", ran.append, ("other",))
    )
    assert not ev.run()
    assert ran == runs


def test_a_step_that_cannot_be_sent_to_a_worker_fails_and_says_so(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct="process")
    start(ev, ev.add_step("s", print, (threading.Lock(),)))
    assert not ev.run()
    [(error,)] = rows(store, "select error from {attempts}")
    assert "lock" in error


def test_a_failing_program_of_the_step_is_a_failure_with_its_command(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    start(ev, ev.add_step("s", subprocess.run, (["false"],), {"check": True}))
    assert not ev.run()
    [(error,)] = rows(store, "select error from {attempts}")
    assert "'false'" in error
