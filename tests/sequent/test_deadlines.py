"""Deadlines of steps and containers, with real workers: what runs is ended, and the time holds across engines."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.act.virtual_clock import VirtualClock
from eventcore.errors import ConfigError, ProgramError
from eventcore.run.rehearsal import rehearse
from sequent import STEP_FAILURE, STEP_SUCCESS
from tests.crash.processes import eventually
from tests.support import boom, flow, rows

GATE = threading.Event()  #: what threads wait at that are not through in time; an engine does not await them


@pytest.fixture(scope="module", autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """The gate opens at the end."""
    yield
    GATE.set()


def says_who_and_sleeps(file: Path) -> None:
    """A step that would take ten minutes."""
    file.write_text(str(os.getpid()))
    time.sleep(600)


async def waits_long() -> None:
    """A coroutine that would take ten minutes."""
    await asyncio.sleep(600)


@pytest.mark.parametrize(
    ("construct", "func", "args"),
    [("process", time.sleep, (600,)), ("thread", GATE.wait, (600,)), ("async", waits_long, ())],
)
def test_a_try_that_runs_at_the_deadline_fails_like_one_past_its_timeout(
    tmp_path: Path, construct: str, func: Callable[..., object], args: tuple[Any, ...]
) -> None:
    program = flow(tmp_path / "run.db")
    late = program.add_step(
        "late", func, args, config={"task_construct": construct, "deadline": 0.2, "retries": 5, "timeout": 500}
    )
    ran: list[str] = []
    program.add_step("instead", ran.append, ("instead",), require=((late, STEP_FAILURE),))
    program.add_step("then", ran.append, ("then",), require=((late, STEP_SUCCESS),))
    assert program.run() is True
    assert ran == ["instead"]
    assert rows(tmp_path / "run.db", "select try, status, error from {attempts}") == [
        (1, "failure", "deadline of 0.2 s passed after 1 try")
    ]


def test_the_worker_of_a_step_in_a_late_container_is_gone_when_the_run_is_over(tmp_path: Path) -> None:
    store, file, clock = tmp_path / "run.db", tmp_path / "pid", VirtualClock()
    program = flow(store, task_construct="process", max_concurrent=2)
    box = program.add_step("box", loop=[1, 2], config={"deadline": 3600})
    box.add_step("slow", says_who_and_sleeps, (file,), require=((box.add_step("quick", int), STEP_SUCCESS),))
    program.use_clock(clock)
    verdicts: list[bool] = []
    run = threading.Thread(target=lambda: verdicts.append(program.run()))
    run.start()
    eventually(lambda: file.exists() and file.read_text(), "the slow step")
    clock.advance(3600)
    run.join(60)
    assert verdicts == [False]
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
    assert rows(store, "select step, sequence, status from {tasks} where step != 'box#items' order by step") == [
        ("box", "1", "failure"), ("box/quick", "1.1", "success"), ("box/slow", "1.1", "cancelled"),
    ]  # fmt: skip
    assert rows(store, "select step, error from {attempts} order by step") == [
        ("box", "deadline of 3600 s passed after 0 of 2 iterations"),
        ("box/slow", "cancelled, because the deadline of box@1 passed"),
    ]


def test_tries_and_the_waits_between_them_share_one_deadline(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db", task_construct="thread")
    program.add_step("s", boom, config={"retries": 100, "retry_delay": 25, "deadline": 60})
    program.use_clock(VirtualClock())
    assert program.run() is False
    assert rows(tmp_path / "run.db", "select try, error from {attempts} order by try") == [
        (1, "ValueError: boom"), (2, "ValueError: boom"), (3, "ValueError: boom"),
        (4, "deadline of 60 s passed after 3 tries"),
    ]  # fmt: skip


def killed(store: Path, clock: VirtualClock) -> None:
    """Run the program in a process that dies in the middle of its step."""
    child = os.fork()
    if child == 0:
        try:
            dies = limited(store, seq.RunMode.restart, clock, lambda: os._exit(9))
            dies.run()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def limited(store: Path, mode: seq.RunMode, clock: VirtualClock, func: Callable[[], object], **own: Any) -> seq.Sequent:
    program = flow(store, mode, task_construct="thread")
    program.add_step("s", func, config={"deadline": 60, **own})
    program.use_clock(clock)
    return program


@pytest.mark.parametrize(("later", "status"), [(59, "success"), (60, "failure")])
def test_a_deadline_survives_its_engine(tmp_path: Path, later: float, status: str) -> None:
    store, clock = tmp_path / "run.db", VirtualClock(1000.0)
    killed(store, clock)
    assert rows(store, "select deadline from {tasks}") == [(1060.0,)]
    clock.advance(later)
    limited(store, seq.RunMode.continue_, clock, int).run()
    assert rows(store, "select status, deadline from {tasks}") == [(status, 1060.0)]
    error = rows(store, "select error from {attempts} where status = 'failure'")
    assert error == ([("deadline of 60 s passed after 1 try",)] if status == "failure" else [])


def test_a_recovery_has_the_whole_time_again(tmp_path: Path) -> None:
    store, clock = tmp_path / "run.db", VirtualClock(1000.0)
    killed(store, clock)
    clock.advance(500)
    assert limited(store, seq.RunMode.recover, clock, int).run() is True
    assert rows(store, "select recovery, status, deadline from {tasks} order by recovery") == [
        (0, "active", 1060.0), (1, "success", 1560.0),
    ]  # fmt: skip


def test_a_deadline_that_is_added_to_a_run_under_way_begins_then(tmp_path: Path) -> None:
    store, clock = tmp_path / "run.db", VirtualClock(1000.0)
    program = flow(store, task_construct="thread")
    program.add_step("s", boom, config={"retries": 9, "retry_delay": 100})
    program.use_clock(clock)
    assert program.run(max_loops=1) is True
    limited(store, seq.RunMode.continue_, clock, boom, retries=9, retry_delay=100).run()
    assert rows(store, "select deadline from {tasks}") == [(1060.0,)]
    assert rows(store, "select try, error from {attempts} order by try") == [
        (1, "ValueError: boom"), (2, "deadline of 60 s passed after 1 try")
    ]  # fmt: skip


def test_a_dry_run_of_a_recovery_lets_no_deadline_pass(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    program = flow(store, stop_on_exception=False)
    program.add_step("fails", boom)
    box = program.add_step("box", config={"deadline": 5})
    later = box.add_step("later", boom)
    box.add_step("last", int, require=((later, STEP_SUCCESS),))
    assert program.run() is False
    later.delay = 3600.0
    told = rehearse(program)
    assert {step: (len(one.again), len(one.first)) for step, one in told.steps.items()} == {
        "fails": (1, 0), "box/later": (1, 0), "box/last": (0, 1),
    }  # fmt: skip


def test_a_step_that_the_engine_itself_runs_cannot_have_one_but_its_loop_can() -> None:
    program = flow()
    program.add_step("s", int, config={"deadline": 5})
    with pytest.raises(ProgramError, match="step 's': a step run by 'invoke' cannot have a deadline; use 'process'"):
        program.run()
    looped = flow()
    looped.add_step("s", int, loop=[1, 2], config={"deadline": 5})
    assert looped.run() is True


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan")])
def test_a_deadline_is_a_number_of_seconds_above_0(wrong: float) -> None:
    with pytest.raises(ConfigError, match=r"step 's', config: deadline must be a number of seconds above 0, not"):
        flow().add_step("s", int, config={"deadline": wrong})


@pytest.mark.parametrize(("answered", "status"), [(5, "success"), (20, "failure")])
def test_an_answer_that_came_before_the_deadline_counts_though_no_engine_saw_it(
    answered: float, status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tickets = list[str]()
    program = flow(tmp_path / "s.db", task_construct="thread")
    program.add_step("job", lambda: tickets.append(seq.current().defer()), config={"deadline": 10})
    begun = time.time()
    program.run(1)
    monkeypatch.setattr(time, "time", lambda: begun + answered)
    program.complete(tickets[0], 5)
    monkeypatch.undo()
    program.use_clock(VirtualClock(begun + 60))
    program.run()
    assert [task.status.value for task in program.tasks("job")] == [status]
