"""Calls in worker processes that are out of time or cancelled, and closing their executor.

The functions are defined inside the tests, so they travel by value and the module need not be importable.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.eventcore.act.bench import Bench, eventually
from tests.eventcore.act.processes import alive, pids_in, sleeping_with_a_child, stuck_in_c


@pytest.mark.parametrize("step", [sleeping_with_a_child, stuck_in_c])
def test_a_call_out_of_time_fails_and_its_processes_are_gone(
    bench: Bench, tmp_path: Path, step: Callable[[Path], Callable[[], None]]
) -> None:
    bench.value(abs, -1)
    assert bench.run(step(tmp_path / "pids"), timeout=1).error == "timed out after 1 s"
    assert eventually(lambda: not any(alive(pid) for pid in pids_in(tmp_path / "pids")))
    assert bench.value(abs, -1) == 1


def test_a_call_that_ignores_termination_is_out_of_time_too(bench: Bench) -> None:
    def step() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(300)

    assert bench.run(step, timeout=0.3).error == "timed out after 0.3 s"


def test_a_timeout_counts_no_time_spent_waiting_for_a_worker(lone: Bench) -> None:
    first = lone.start(time.sleep, 1.7)
    second = lone.start(time.sleep, 0.01, timeout=1.5)
    assert lone.reports.wait(first).ok
    assert lone.reports.wait(second).ok


def test_a_call_in_time_is_not_disturbed_by_its_timeout(lone: Bench) -> None:
    assert lone.run(time.sleep, 0.01, timeout=1).ok
    assert lone.run(time.sleep, 1.2).ok


def test_a_cancelled_call_fails_and_its_processes_are_gone(bench: Bench, tmp_path: Path) -> None:
    ticket = bench.start(sleeping_with_a_child(tmp_path / "pids"))
    pids = pids_in(tmp_path / "pids")
    bench.executor.cancel(ticket)
    assert bench.reports.wait(ticket).error == "cancelled"
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    assert bench.value(abs, -1) == 1


def test_a_call_cancelled_before_it_ran_never_runs(lone: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    running = lone.start(time.sleep, 300)
    waiting = lone.start(mark.touch)
    lone.executor.cancel(waiting)
    assert lone.reports.wait(waiting).error == "cancelled"
    lone.executor.cancel(running)
    assert lone.reports.wait(running).error == "cancelled"
    assert lone.value(mark.exists) is False


def test_cancelling_a_finished_call_does_nothing(lone: Bench) -> None:
    ticket = lone.start(os.getpid)
    pid = lone.reports.wait(ticket).result
    lone.executor.cancel(ticket)
    assert lone.run(os.getpid).result == pid


def test_close_ends_and_reports_what_still_runs_or_waits(tmp_path: Path) -> None:
    bench = Bench(max_concurrent=2)
    idle = bench.start(os.getpid)
    bench.reports.wait(idle)
    tickets = [bench.start(sleeping_with_a_child(tmp_path / str(number))) for number in range(2)]
    pids = pids_in(tmp_path / "0") + pids_in(tmp_path / "1")
    tickets.append(bench.start(abs, -1))
    bench.executor.close()
    assert [bench.reports.wait(ticket).error for ticket in tickets] == ["cancelled"] * 3
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    bench.executor.close()
    assert bench.run(abs, -1).error == "cancelled"


def test_close_does_not_wait_for_a_thread_that_a_finished_step_left() -> None:
    bench = Bench(max_concurrent=1)

    def step() -> int:
        threading.Thread(target=time.sleep, args=(300,)).start()
        return os.getpid()

    pid = bench.value(step)
    bench.executor.close()
    assert not alive(pid)


@pytest.mark.parametrize("leaves", [True, False], ids=["and the worker leaves", "and the worker does not leave"])
def test_a_program_left_running_by_a_finished_step_outlives_close(leaves: bool) -> None:
    bench = Bench(max_concurrent=1)

    def step() -> int:
        if not leaves:
            threading.Thread(target=time.sleep, args=(300,)).start()
        return subprocess.Popen(["sleep", "300"]).pid

    program = bench.value(step)
    try:
        bench.executor.close()
        assert alive(program)
    finally:
        os.kill(program, signal.SIGKILL)
