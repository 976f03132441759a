"""What every executor promises of limits, cancelling and its own end; see `eventcore.act.executor.Executor`."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from eventcore.act.executor import CANCELLED, HANDED_BACK, Executor
from eventcore.act.executors.registry import executor_class
from eventcore.define.values import encode_result
from eventcore.record.processes import found_process
from tests.eventcore.act.bench import Bench, eventually
from tests.eventcore.act.contract.constructs import (
    CONSTRUCTS,
    IN_THIS_PROCESS,
    SIDE_BY_SIDE,
    every,
    until_cancelled,
    until_there,
)


@every(*SIDE_BY_SIDE)
def test_a_call_past_its_timeout_fails_and_later_ones_run(bench: Bench, endless_call: tuple[Any, ...]) -> None:
    assert bench.run(*endless_call, timeout=0.2).error == "timed out after 0.2 s"
    assert bench.value(abs, -1) == 1


@every(*SIDE_BY_SIDE)
@pytest.mark.parametrize("timeout", [60, 25 * 86400, 1e300])
def test_a_call_in_time_is_not_disturbed_by_its_timeout(bench: Bench, timeout: float) -> None:
    blocked = bench.start(time.sleep, 0.2, timeout=timeout)
    assert bench.run(abs, -1, timeout=timeout).result == "1"
    assert bench.reports.wait(blocked).ok


def test_who_cannot_keep_time_says_so() -> None:
    assert {name: executor_class(construct).keeps_time for name, construct in CONSTRUCTS.items()} == {
        name: name != "invoke" for name in CONSTRUCTS
    }


@every(*SIDE_BY_SIDE)
def test_a_cancelled_call_is_reported_as_cancelled(bench: Bench, endless_call: tuple[Any, ...]) -> None:
    ticket = bench.start(*endless_call)
    bench.executor.cancel(ticket)
    assert bench.reports.wait(ticket) == CANCELLED
    assert bench.value(abs, -1) == 1


@every("async")
def test_calls_end_though_a_plain_function_blocks_their_loop(bench: Bench, tmp_path: Path) -> None:
    begun, over = tmp_path / "begun", tmp_path / "over"

    def block(begun: str, over: str) -> None:
        Path(begun).touch()
        until_there(over)

    waiting = bench.start(until_cancelled)
    late = bench.start(until_cancelled, timeout=1)
    blocking = bench.start(block, str(begun), str(over), timeout=1)
    assert eventually(begun.exists)
    bench.executor.cancel(waiting)
    assert bench.reports.wait(waiting) == CANCELLED
    assert bench.reports.wait(late).error == bench.reports.wait(blocking).error == "timed out after 1 s"
    assert bench.value(abs, -1) == 1
    over.touch()


@every("async")
def test_a_call_that_waits_for_a_blocked_loop_gets_another_one(bench: Bench) -> None:
    begun, over = threading.Event(), threading.Event()

    def block() -> None:
        begun.set()
        over.wait()

    blocking = bench.start(block, timeout=0.2)
    assert begun.wait(60)
    waiting = bench.start(abs, -1)
    assert bench.reports.wait(blocking).error == "timed out after 0.2 s"
    assert bench.reports.wait(waiting).result == "1"
    over.set()


@every("async")
def test_what_a_blocked_loop_had_not_begun_at_close_never_runs(bench: Bench) -> None:
    begun, over, ran, last = threading.Event(), threading.Event(), threading.Event(), threading.Event()

    async def block() -> None:
        begun.set()
        over.wait()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            last.set()

    bench.start(block)
    assert begun.wait(60)
    waiting = bench.start(ran.set)
    bench.executor.close()
    assert bench.reports.of(waiting) == CANCELLED
    over.set()
    assert last.wait(60)
    assert not ran.is_set()


@every("async")
def test_a_coroutine_that_goes_on_when_it_is_out_of_time_has_failed(bench: Bench) -> None:
    over = threading.Event()

    async def stubborn(ends: bool) -> None:
        while not over.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                if ends:
                    return

    assert bench.run(stubborn, True, timeout=0.2).error == "timed out after 0.2 s"
    assert bench.run(stubborn, False, timeout=0.2).error == "timed out after 0.2 s"
    over.set()


@every(*CONSTRUCTS)
def test_cancelling_a_call_that_is_over_or_unknown_does_nothing(bench: Bench) -> None:
    ticket = bench.start(abs, -1)
    assert bench.reports.wait(ticket).ok
    bench.executor.cancel(ticket)
    bench.executor.cancel(10**9)
    assert bench.value(abs, -2) == 2


@every(*SIDE_BY_SIDE)
def test_when_close_returns_every_call_has_been_reported(bench: Bench, endless_call: tuple[Any, ...]) -> None:
    tickets = [bench.start(*endless_call) for _ in range(5)]
    bench.executor.close()
    assert [bench.reports.of(ticket) for ticket in tickets] == [CANCELLED] * 5


@every("thread", "async", "a factory of threads")
def test_close_does_not_wait_for_what_cannot_be_ended(bench: Bench, tmp_path: Path) -> None:
    over = tmp_path / "over"
    ticket = bench.start(until_there, str(over))
    bench.executor.close()
    assert bench.reports.of(ticket) == CANCELLED
    over.touch()


@every(*CONSTRUCTS)
def test_closing_twice_or_unused_does_nothing_and_later_calls_are_cancelled(bench: Bench) -> None:
    bench.executor.close()
    bench.executor.close()
    assert bench.run(abs, -1) == CANCELLED
    bench.executor.close()


@every(*CONSTRUCTS)
def test_what_is_prepared_can_be_closed_or_used(bench: Bench, name: str) -> None:
    unused = Bench(CONSTRUCTS[name])
    unused.executor.prepare(abs)
    unused.executor.close()
    bench.executor.prepare(abs)
    assert bench.value(abs, -1) == 1


@every(*CONSTRUCTS)
def test_no_limit_and_any_limit_give_a_capacity_that_can_run(name: str) -> None:
    kind: type[Executor] = executor_class(CONSTRUCTS[name])
    for limit in (-1, 0, 1, 100):
        capacity = kind.capacity(limit)
        assert capacity is None or capacity >= 1


@every(*IN_THIS_PROCESS)
def test_what_stays_in_this_process_need_not_be_pickled(bench: Bench, name: str) -> None:
    lock = threading.Lock()
    assert bench.value(lambda held: encode_result(held is lock, False).text, lock) == "true"
    assert not executor_class(CONSTRUCTS[name]).leaves_process(CONSTRUCTS[name])


# handing back


@every(*SIDE_BY_SIDE)
def test_a_call_that_is_handed_back_has_ended_and_others_go_on(
    bench: Bench, name: str, endless_call: tuple[Any, ...], tmp_path: Path
) -> None:
    ticket = bench.start(*endless_call)
    bench.executor.hand_back()
    if name in ("process", "async"):
        assert bench.reports.wait(ticket) == HANDED_BACK
        assert bench.value(abs, -1) == 1
    else:
        assert bench.value(abs, -1) == 1
        assert not bench.reports.has(ticket)
        (tmp_path / "over").touch()
        assert bench.reports.wait(ticket).ok


def worker_that_waits(path: str) -> None:
    """A step that tells its process, and does not end."""
    import os

    Path(path).write_text(str(os.getpid()))
    time.sleep(3600)


@every("process")
def test_when_a_call_is_handed_back_its_worker_is_dead(bench: Bench, tmp_path: Path) -> None:
    told = tmp_path / "pid"
    running, waiting = bench.start(worker_that_waits, str(told)), [bench.start(time.sleep, 3600) for _ in range(3)]
    assert eventually(lambda: told.exists() and bool(told.read_text()))
    for _ in range(2):
        bench.executor.hand_back()
    for ticket in (running, *waiting):
        assert bench.reports.wait(ticket) == HANDED_BACK
    assert found_process(int(told.read_text())) is None
    assert bench.value(abs, -1) == 1


@every("async")
def test_a_call_that_blocks_its_loop_goes_on_and_those_behind_it_are_handed_back(bench: Bench, tmp_path: Path) -> None:
    begun, over = tmp_path / "begun", tmp_path / "over"

    def block() -> None:
        begun.touch()
        until_there(str(over))

    blocks = bench.start(block)
    assert eventually(begun.exists)
    behind = bench.start(until_cancelled)
    bench.executor.hand_back()
    assert bench.reports.wait(behind) == HANDED_BACK
    assert not bench.reports.has(blocks)
    over.touch()
    assert bench.reports.wait(blocks).ok
