"""Calls in worker processes: what one of them does to its process harms no other call.

The functions are defined inside the tests, so they travel by value and the module need not be importable.
"""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.eventcore.act.bench import Bench, eventually
from tests.eventcore.act.processes import alive, pids_in


def test_a_worker_is_used_again(bench: Bench) -> None:
    assert bench.value(os.getpid) == bench.value(os.getpid) != os.getpid()


def test_workers_start_only_when_there_is_work_for_them(tmp_path: Path) -> None:
    bench = Bench(max_concurrent=50)
    try:
        assert len({bench.value(os.getpid) for _ in range(5)}) == 1
    finally:
        bench.executor.close()


def test_a_worker_that_cannot_be_started_costs_its_call_and_leaves_no_file_open(
    lone: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pipe() -> tuple[int, int]:
        if len(os.listdir("/proc/self/fd")) > before:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real()

    real, before = os.pipe, len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(os, "pipe", pipe)
    assert "no worker process could be started" in str(lone.run(abs, -1).error)
    assert len(os.listdir("/proc/self/fd")) == before
    monkeypatch.undo()
    assert lone.value(abs, -1) == 1


@pytest.mark.usefixtures("bench")
def test_later_executors_leave_no_hook_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = list[object]()
    monkeypatch.setattr(os, "register_at_fork", lambda **hook: hooks.append(hook))
    for _ in range(3):
        Bench().executor.close()
    assert hooks == []


def test_more_calls_than_workers_wait_their_turn(bench: Bench) -> None:
    tickets = [bench.start(os.getpid) for _ in range(50)]
    assert len({bench.reports.wait(ticket).result for ticket in tickets}) <= 2


def test_of_many_short_calls_none_is_lost(bench: Bench) -> None:
    for _ in range(300):
        tickets = [bench.start(abs, -1) for _ in range(4)]
        assert [bench.reports.wait(ticket).error for ticket in tickets] == [None] * 4


def test_calls_may_be_started_from_several_threads(bench: Bench) -> None:
    tickets: list[int] = []
    threads = [
        threading.Thread(target=lambda: tickets.extend([bench.start(abs, -1) for _ in range(50)])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bench.reports.wait(ticket).result for ticket in tickets] == ["1"] * 200


def test_large_arguments_and_results_pass(bench: Bench) -> None:
    def step(text: str) -> str:
        return text + text

    assert len(bench.value(step, "x" * 3_000_000)) == 6_000_000


@pytest.mark.parametrize(
    ("deadly", "how"),
    [
        (lambda: os._exit(0), "exit code 0"),
        (lambda: os._exit(3), "exit code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "signal SIGSEGV"),
        (lambda: os.closerange(3, 100), "exit code 1"),
    ],
    ids=["leaves quietly", "leaves with an error", "is killed", "crashes", "closes the engine's pipes"],
)
def test_a_call_that_ends_its_process_fails_alone(
    bench: Bench, tmp_path: Path, deadly: Callable[[], None], how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)

    def other() -> str:
        with open(fifo) as file:
            return file.read()

    running = bench.start(other)
    assert bench.run(deadly).error == f"the worker process died ({how})"
    assert not bench.reports.has(running)
    Path(fifo).write_text("alive")
    assert bench.reports.wait(running).result == '"alive"'
    assert bench.value(abs, -1) == 1


def test_a_call_whose_process_dies_takes_the_programs_it_started_along(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "pids")

    def step() -> None:
        child = subprocess.Popen(["sleep", "300"])
        with open(path, "w") as file:
            file.write(f"{child.pid}\n")
        os._exit(1)

    assert not bench.run(step).ok
    (child,) = pids_in(Path(path))
    assert eventually(lambda: not alive(child))


def test_a_death_is_noticed_while_a_process_that_the_step_detached_lives_on(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "pids")

    def step() -> None:
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(300)
        with open(path, "w") as file:
            file.write(f"{child}\n")
        time.sleep(0.1)
        os._exit(1)

    assert bench.run(step).error == "the worker process died (exit code 1)"
    (child,) = pids_in(Path(path))
    assert alive(child)
    os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("error", [SystemExit(4), KeyboardInterrupt(), RecursionError("deep")], ids=repr)
def test_any_exception_is_a_failure_and_leaves_the_worker_alive(lone: Bench, error: BaseException) -> None:
    def step() -> None:
        raise error

    before = lone.value(os.getpid)
    outcome = lone.run(step)
    assert not outcome.ok
    assert outcome.error is not None
    assert type(error).__name__ in outcome.error
    assert lone.value(os.getpid) == before


def test_an_argument_that_cannot_be_pickled_fails_the_call_and_names_its_step(bench: Bench) -> None:
    outcome = bench.run(print, threading.Lock())
    assert not outcome.ok
    assert re.search(r"step 'load' .* pickle .*lock.*task_construct", str(outcome.error))
    assert bench.value(abs, -1) == 1


def test_an_argument_that_cannot_be_unpickled_in_the_worker_fails_the_call(lone: Bench) -> None:
    class Broken:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return int, ("not a number",)

    outcome = lone.run(print, Broken())
    assert "not a number" in str(outcome.error)
    assert lone.value(abs, -1) == 1


def test_a_child_that_a_step_forks_and_lets_return_is_no_second_worker(lone: Bench) -> None:
    def step() -> str:
        child = os.fork()
        if child == 0:
            sys.exit("the child leaves")
        os.waitpid(child, 0)
        return "the parent stays"

    assert lone.value(step) == "the parent stays"
    assert [lone.value(abs, -number) for number in range(5)] == [0, 1, 2, 3, 4]


def test_a_worker_killed_while_idle_is_replaced(bench: Bench) -> None:
    idle = bench.value(os.getpid)
    os.kill(idle, signal.SIGKILL)
    assert eventually(lambda: not alive(idle))
    assert bench.value(os.getpid) != idle


def test_a_worker_process_that_cannot_be_started_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "no worker process could be started" in str(bench.run(abs, -1).error)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert bench.run(abs, -1).error == "the worker process died while it started (exit code 1)"
    monkeypatch.undo()
    assert bench.value(abs, -1) == 1


def test_workers_that_die_while_they_start_fail_the_calls_that_wait_for_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    tickets = [bench.start(len, "x" * 3_000_000) for _ in range(5)]
    errors = {bench.reports.wait(ticket).error for ticket in tickets}
    assert errors == {"the worker process died while it started (exit code 1)"}


def test_one_worker_that_dies_while_it_starts_is_replaced(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setattr(sys, "executable", slow_python(tmp_path, f"[ -e {mark} ] || {{ touch {mark}; exit 1; }}"))
    assert bench.value(abs, -1) == 1


def test_steps_run_though_the_engines_folder_was_removed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert [bench.value(abs, -1), bench.value(abs, -2)] == [1, 2]


def test_a_stopped_worker_holds_nobody_up_however_large_its_next_argument_is(lone: Bench) -> None:
    os.kill(lone.value(os.getpid), signal.SIGSTOP)
    ticket = lone.start(len, "x" * 3_000_000, timeout=0.5)
    assert lone.reports.wait(ticket).error == "timed out after 0.5 s"
    assert lone.value(len, "x" * 3_000_000) == 3_000_000


def test_a_call_goes_to_the_worker_that_is_ready_first(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, over = tmp_path / "first", tmp_path / "over"

    def until_there(path: str) -> None:
        while not os.path.exists(path):
            time.sleep(0.01)

    assert bench.value(abs, -1) == 1
    busy = bench.start(until_there, str(first))
    monkeypatch.setattr(sys, "executable", slow_python(tmp_path, f"while [ ! -e {over} ]; do sleep 0.05; done"))
    other = bench.start(abs, -1)
    first.touch()
    assert bench.reports.wait(busy).ok
    assert bench.reports.wait(other).ok
    over.touch()


def slow_python(folder: Path, before: str) -> str:
    """A Python that does something else first."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\n{before}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)
