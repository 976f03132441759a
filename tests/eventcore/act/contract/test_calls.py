"""What every executor promises of calls, run over each of them; see `eventcore.act.executor.Executor`."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from eventcore.act.current import current
from eventcore.act.steplog import LogTarget
from eventcore.define.outcome import Again, Deferred, Emission, Skipped
from eventcore.errors import NotYet, Skip
from tests.eventcore.act.bench import LOG, Bench, eventually
from tests.eventcore.act.contract.constructs import (
    CONSTRUCTS,
    IN_WORKERS,
    SIDE_BY_SIDE,
    every,
    until_there,
)


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
