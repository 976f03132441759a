"""What every executor promises, run over each of them; see `eventcore.act.executor.Executor`."""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eventcore.act.current import current
from eventcore.act.executor import CANCELLED, Executor
from eventcore.act.executors.registry import executor_class
from eventcore.act.steplog import LogTarget
from eventcore.define.outcome import Again, Deferred, Emission, Skipped
from eventcore.define.values import encode_result
from eventcore.errors import NotYet, Skip
from tests.eventcore.act.bench import LOG, Bench, eventually


def processes() -> ProcessPoolExecutor:
    """A factory of a standard executor whose workers share nothing with this process."""
    return ProcessPoolExecutor(2, mp.get_context("spawn"))


def threads() -> ThreadPoolExecutor:
    """A factory of a standard executor that stays in this process."""
    return ThreadPoolExecutor(2)


class Unruly(ThreadPoolExecutor):
    """An executor of which no future can be cancelled."""

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(*args, **kwargs)

        def cancel() -> bool:
            raise RuntimeError("not now")

        future.cancel = cancel  # type: ignore[method-assign]
        return future


CONSTRUCTS: dict[str, Any] = {
    "process": "process",
    "thread": "thread",
    "async": "async",
    "invoke": "invoke",
    "a factory of threads": threads,
    "a factory of processes": processes,
    "a factory whose futures raise when cancelled": Unruly,
}
SIDE_BY_SIDE = [name for name in CONSTRUCTS if name != "invoke"]
IN_THIS_PROCESS = ["thread", "async", "invoke", "a factory of threads"]
IN_WORKERS = ["process", "a factory of processes"]


@pytest.fixture
def name() -> str:
    """Which executor it is."""
    return "process"


@pytest.fixture
def bench(name: str) -> Iterator[Bench]:
    """The executor and what it reports."""
    bench = Bench(CONSTRUCTS[name], max_concurrent=2)
    yield bench
    bench.executor.close()


def every(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test over these executors."""
    return pytest.mark.parametrize("name", names)


def until_there(path: str) -> None:
    """A step that ends when the file is there."""
    while not Path(path).exists():
        time.sleep(0.01)


async def until_cancelled() -> None:
    """A step that ends in no other way."""
    await asyncio.Event().wait()


@pytest.fixture
def endless_call(name: str, tmp_path: Path) -> Iterator[tuple[Any, ...]]:
    """A step, with its arguments, that runs for as long as the test lasts."""
    over = tmp_path / "over"
    yield (until_cancelled,) if name == "async" else (until_there, str(over))
    over.touch()


@every(*CONSTRUCTS)
def test_a_call_is_reported_with_its_value_and_the_events_it_raised(bench: Bench) -> None:
    def step(a: int, b: int) -> int:
        current().trigger("loaded")
        return a + b

    outcome = bench.run(step, 2, 3)
    assert (outcome.ok, outcome.result, outcome.raised) == (True, "5", (("loaded", None),))


@every(*CONSTRUCTS)
def test_what_is_neither_a_success_nor_a_failure_is_reported_as_such(bench: Bench) -> None:
    def skip() -> None:
        raise Skip("nothing new")

    def ask_again() -> None:
        raise NotYet(30)

    def defer() -> str:
        current().defer(timeout=60)
        return "not a result"

    for step, instead in ((skip, Skipped("nothing new")), (ask_again, Again(30.0))):
        outcome = bench.run(step)
        assert (outcome.ok, outcome.result, outcome.instead) == (True, None, instead)
    outcome = bench.run(defer)
    assert isinstance(outcome.instead, Deferred)
    assert (outcome.ok, outcome.result, outcome.instead.timeout) == (True, None, 60.0)


@every(*CONSTRUCTS)
def test_what_a_call_triggers_at_once_is_reported_before_it_ends_or_with_its_outcome(bench: Bench) -> None:
    def step() -> None:
        current().trigger("half", now=True)
        raise ValueError("after all")

    ticket = bench.start(step)
    outcome = bench.reports.wait(ticket)
    told = [emission for known, emission in bench.reports.emitted if known == ticket]
    assert [*told, *outcome.emitted] == [Emission("half", None, "null")]
    assert not outcome.ok


@every(*(name for name in SIDE_BY_SIDE if name != "a factory of processes"))
def test_what_a_call_triggers_at_once_is_reported_while_it_runs(bench: Bench, name: str, tmp_path: Path) -> None:
    def step() -> None:
        current().trigger("half", now=True)
        until_there(str(tmp_path / "over"))

    ticket = bench.start(step)
    assert eventually(lambda: bool(bench.reports.emitted))
    assert not bench.reports.has(ticket)
    (tmp_path / "over").touch()
    assert bench.reports.wait(ticket).emitted == ()


@every(*CONSTRUCTS)
def test_many_calls_are_each_reported_once(bench: Bench) -> None:
    tickets = [bench.start(abs, -number) for number in range(60)]
    assert [bench.reports.wait(ticket).result for ticket in tickets] == [str(number) for number in range(60)]


@every(*CONSTRUCTS)
@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(4), RecursionError("deep")], ids=repr)
def test_whatever_a_step_raises_is_its_failure_and_harms_no_other_call(bench: Bench, error: BaseException) -> None:
    def step() -> None:
        raise error

    outcome = bench.run(step)
    assert not outcome.ok
    assert type(error).__name__ in str(outcome.error)
    assert "in step" in str(outcome.traceback)
    assert bench.value(abs, -1) == 1


@every(*SIDE_BY_SIDE)
def test_a_step_that_raises_an_interrupt_fails_like_any_other(bench: Bench) -> None:
    def step() -> None:
        raise KeyboardInterrupt("by itself")

    assert "KeyboardInterrupt" in str(bench.run(step).error)
    assert bench.value(abs, -1) == 1


@every(*CONSTRUCTS)
def test_an_exception_that_cannot_travel_fails_with_its_text(bench: Bench) -> None:
    def step() -> None:
        class TwoPartsError(Exception):
            def __init__(self, table: str, lock: object) -> None:
                super().__init__(f"table {table}")
                self.lock = lock

        raise TwoPartsError("orders", threading.Lock())

    assert "TwoPartsError: table orders" in str(bench.run(step).error)
    assert bench.value(abs, -1) == 1


@every(*CONSTRUCTS)
def test_a_result_that_cannot_be_stored_does_no_harm(bench: Bench) -> None:
    assert bench.run(threading.Lock).ok
    assert bench.value(abs, -1) == 1


@every(*CONSTRUCTS)
def test_a_coroutine_function_runs_to_its_end(bench: Bench) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert bench.value(answer) == 42


@every(*CONSTRUCTS)
def test_a_step_sees_its_names_and_writes_to_its_log(bench: Bench, tmp_path: Path) -> None:
    log = tmp_path / LOG

    def step() -> list[object]:
        print("said")
        view = current()
        return [view.name, view.sequence, view.try_number]

    with bench.routed():
        assert bench.value(step, log=LogTarget(str(log.parent))) == ["load", "1.2", 1]
    assert eventually(lambda: log.exists() and log.read_text() == "said\n")


@every(*IN_WORKERS)
def test_an_argument_that_cannot_be_sent_is_a_failure_of_the_call(bench: Bench) -> None:
    outcome = bench.run(print, threading.Lock())
    assert not outcome.ok
    assert "pickle" in str(outcome.error)
    assert bench.value(abs, -1) == 1


@every(*IN_WORKERS)
def test_a_call_that_ends_its_process_fails_and_later_ones_run(bench: Bench) -> None:
    def step() -> None:
        import os

        os._exit(3)

    assert not bench.run(step).ok
    assert bench.value(abs, -1) == 1


@every(*SIDE_BY_SIDE)
def test_calls_run_side_by_side(bench: Bench, tmp_path: Path, name: str) -> None:
    mark = tmp_path / "mark"

    async def waiting() -> None:
        while not mark.exists():
            await asyncio.sleep(0.01)

    first = bench.start(waiting) if name == "async" else bench.start(until_there, str(mark))
    assert bench.run(mark.touch).ok
    assert bench.reports.wait(first).ok


@every(*CONSTRUCTS)
def test_a_report_may_start_the_next_call(bench: Bench) -> None:
    done = threading.Event()

    def chained(_: object) -> None:
        if len(bench.reports.tickets()) < 5:
            bench.start(abs, -1)
        else:
            done.set()

    bench.reports.then = chained
    bench.start(abs, -1)
    assert done.wait(60)


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
