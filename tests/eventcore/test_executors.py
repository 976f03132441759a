"""Executors: where a step's function runs."""

from __future__ import annotations

import multiprocessing as mp
import os
import sys
import threading
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.act import executor as evr_executor
from eventcore.act.envelope import Call, perform
from eventcore.act.executor import Report, Setting
from eventcore.define.outcome import Outcome
from eventcore.define.values import decode
from tests.support import boom, eventor, rows, start


def where() -> list[Any]:
    """The process and the thread that run the step."""
    return [os.getpid(), threading.current_thread().name]


def spawned() -> Executor:
    """Processes that share nothing with this one."""
    return ProcessPoolExecutor(1, mp.get_context("spawn"))


def no_executor() -> dict[str, str]:
    """A factory of something else."""
    return {}


def named() -> Executor:
    """Threads that are told by their names."""
    return ThreadPoolExecutor(2, "from-the-factory")


class MyThread(threading.Thread):
    """A thread class of a user's own."""


class MyExecutor(evr_executor.Executor):
    """An executor class of a user's own: a new thread for each call."""

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        def run() -> None:
            self.report(ticket, perform(call))

        threading.Thread(target=run, name="my-own").start()

    def cancel(self, ticket: int) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to release."""


class Alone(MyExecutor):
    """Runs one call at a time, without a timeout."""

    keeps_time = False

    @classmethod
    def capacity(cls, max_concurrent: int) -> int | None:
        return 1


class Unmakeable(MyExecutor):
    """Refuses to be made."""

    def __init__(self, report: Report, setting: Setting) -> None:
        raise OSError(f"no {setting.construct.__name__} here")


class Babbling(MyExecutor):
    """Reports what is no outcome, and cannot be closed."""

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        odd: list[Any] = ["rubbish", {"not": "text"}, {"../../etc/passwd": b"root"}]
        said: Any = odd[0] if ticket == 1 else Outcome(True, *(odd[1:2] if ticket == 2 else ("1", odd[2])))
        self.report(ticket, said)

    def close(self) -> None:
        raise OSError("it does not want to")


def test_an_executor_that_babbles_fails_its_steps_and_not_the_engine(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "s.db"
    ev = eventor(str(store), task_construct=Babbling, stop_on_exception=False)
    start(ev, ev.add_step("a", int), ev.add_step("b", int), ev.add_step("c", int))
    assert not ev.run()
    [(one,), (other,), (third,)] = rows(store, "select error from eventcore_attempts order by step")
    assert one == "its executor reported 'rubbish', which is no Outcome of texts and numbers"
    assert other.startswith("its executor reported Outcome(ok=True")
    assert third.startswith("its executor reported Outcome(ok=True, result='1', files={'../../etc/passwd'")
    assert rows(store, "select holder, verdict from eventcore_runs, eventcore_recoveries") == [(None, "failure")]
    assert "could not be closed" in caplog.text


@pytest.mark.parametrize(
    "odd",
    [{"traceback": ValueError()}, {"raised": None}, {"raised": (("loaded", "1", 2),)}, {"raised": ((None, "1"),)}],
    ids=str,
)
def test_an_executor_whose_outcome_has_odd_parts_fails_its_step_and_not_the_engine(odd: dict[str, Any]) -> None:
    class Odd(MyExecutor):
        def start(self, ticket: int, call: Call, timeout: float | None) -> None:
            self.report(ticket, Outcome(True, **odd))

    ev = eventor(task_construct=Odd)
    start(ev, ev.add_step("a", int))
    assert not ev.run()
    assert "which is no Outcome of texts and numbers" in str(ev.tasks("a")[0].error)


class Refusing(MyExecutor):
    """Starts no call."""

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        raise OSError("it is closed on Saturdays")


def test_an_executor_that_raises_fails_the_step_and_not_the_engine(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    ev = eventor(str(store), task_construct=Refusing)
    start(ev, ev.add_step("a", int))
    assert not ev.run()
    assert rows(store, "select error from {attempts}") == [("OSError: it is closed on Saturdays",)]


def ran_in(store: Path, construct: Any) -> tuple[int, str]:
    ev = eventor(store, task_construct=construct)
    start(ev, ev.add_step("s", where))
    assert ev.run()
    [(text,)] = rows(store, "select value from {results}")
    process, thread = decode(text)
    return process, thread


@pytest.mark.parametrize("construct", ["process", mp.Process, mp.get_context("spawn").Process, spawned])
def test_a_process_construct_runs_steps_in_other_processes(tmp_path: Path, construct: Any) -> None:
    assert ran_in(tmp_path / "run.db", construct)[0] != os.getpid()


@pytest.mark.parametrize("construct", ["thread", threading.Thread, MyThread, ThreadPoolExecutor])
def test_a_thread_construct_runs_steps_in_threads_of_this_process(tmp_path: Path, construct: Any) -> None:
    process, thread = ran_in(tmp_path / "run.db", construct)
    assert process == os.getpid()
    assert thread != threading.current_thread().name


@pytest.mark.parametrize("construct", ["invoke", evr.Invoke])
def test_invoke_runs_steps_in_the_engine_itself(tmp_path: Path, construct: Any) -> None:
    assert ran_in(tmp_path / "run.db", construct) == (os.getpid(), threading.current_thread().name)


@pytest.mark.parametrize("construct", [named, lambda: named(), partial(ThreadPoolExecutor, 2, "from-the-factory")])
def test_any_factory_of_a_standard_executor_will_do(tmp_path: Path, construct: Any) -> None:
    assert ran_in(tmp_path / "run.db", construct)[1].startswith("from-the-factory")


def test_a_factory_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_factories.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def make():\n    return ThreadPoolExecutor(2, 'from-the-name')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert ran_in(tmp_path / "run.db", "my_factories:make")[1].startswith("from-the-name")


def test_a_factory_that_makes_no_executor_fails_the_step_and_says_so(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct=no_executor)
    start(ev, ev.add_step("s", where))
    assert not ev.run()
    [(error,)] = rows(store, "select error from {attempts}")
    assert "made {}, which is not a concurrent.futures.Executor" in error


@pytest.mark.parametrize("construct", [MyExecutor, "tests.eventcore.test_executors:MyExecutor"])
def test_an_executor_class_of_ones_own_can_be_given_or_named(tmp_path: Path, construct: Any) -> None:
    assert ran_in(tmp_path / "run.db", construct) == (os.getpid(), "my-own")


def test_an_executor_class_says_how_much_it_runs_at_once() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    ev = eventor(task_construct=Alone, max_concurrent=-1)
    start(ev, *(ev.add_step(f"s{i}", work) for i in range(4)))
    assert ev.run()
    assert most == [1]


def test_a_timeout_is_refused_where_the_executor_cannot_keep_it() -> None:
    with pytest.raises(evr.EventcoreError, match=r"'s'.*Alone.* cannot have a timeout"):
        eventor(task_construct=Alone).add_step("s", where, config={"timeout": 1})


def test_an_executor_that_cannot_be_made_fails_the_step_and_says_why(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct=Unmakeable)
    start(ev, ev.add_step("s", where))
    assert not ev.run()
    assert rows(store, "select error from {attempts}") == [("OSError: no Unmakeable here",)]


def test_a_step_has_its_own_construct(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, max_concurrent=4)
    constructs = ("process", "thread", "invoke", "async")
    start(ev, *(ev.add_step(name, where, config={"task_construct": name}) for name in constructs))
    assert ev.run()
    found = {step: decode(text) for step, text in rows(store, "select step, value from {results}")}
    assert found["process"][0] != os.getpid()
    assert len({tuple(place) for place in found.values()}) == 4


def test_max_concurrent_holds_across_executors() -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1

    ev = eventor(max_concurrent=2)
    start(ev, *(ev.add_step(f"s{i}", work, config={"task_construct": "thread" if i % 2 else named}) for i in range(8)))
    assert ev.run()
    assert most == [2]


CALLABLES: dict[str, Any] = {
    "a closure": lambda: (lambda n: lambda: n)(42)(),
    "a partial": partial(int, "42"),
    "a bound method": "42".__len__,
    "a class": dict,
    "a builtin": os.getcwd,
    "an imported function": where,
    "an object that is called": type("Caller", (), {"__call__": lambda self: 42})(),
}


@pytest.mark.parametrize("kind", CALLABLES)
def test_whatever_can_be_called_travels_to_a_process(kind: str) -> None:
    ev = eventor(task_construct="process")
    start(ev, ev.add_step("s", CALLABLES[kind]))
    assert ev.run()


def test_worker_processes_are_reused(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store, task_construct="process", max_concurrent=1)
    start(ev, *(ev.add_step(f"s{i}", os.getpid) for i in range(5)))
    assert ev.run()
    assert len(set(rows(store, "select value from {results}"))) == 1


def test_what_a_step_changes_in_its_arguments_does_not_reach_other_tries() -> None:
    def takes(things: list[int]) -> None:
        things.append(1)
        if evr.current().try_number == 1:
            boom()
        assert things == [1]

    ev = eventor(task_construct="process", retries=1)
    start(ev, ev.add_step("s", takes, ([],)))
    assert ev.run()


def test_the_start_of_a_worker_is_no_time_of_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, python, begun = tmp_path / "s.db", tmp_path / "python", tmp_path / "begun"
    python.write_text(f'#!/bin/sh\nsleep 0.5\ntouch {begun}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    ev = eventor(str(store), task_construct="process")
    start(ev, ev.add_step("a", int))
    assert ev.run()
    [(started, ended)] = rows(store, "select started, ended from {tasks}")
    assert begun.stat().st_mtime <= started <= ended
