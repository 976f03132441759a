"""Engines that die at any moment ask a stream for no item that is recorded, and walk each item to its end."""

import itertools
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.define.status import RunMode
from sequent import Sequent
from tests.crash.sabotage import Crash, crash_at, rows, statuses, successes

CONFIG = {"task_construct": "invoke", "durability": "normal", "console": False, "logging_level": "CRITICAL"}


def a_flow(store: Path, calls: list[Any], made: list[int]) -> Sequent:
    """A stream of streams; the outer one goes on for ever, and a failure ends it that is handled."""

    def numbers(recorded: int) -> Iterator[int]:
        made.append(recorded)
        yield from itertools.count(recorded + 1)

    def letters() -> Iterator[str]:
        yield from ("a", "b")

    def work(item: object) -> None:
        calls.append((seq.current().name, seq.current().sequence))
        if item == 3:
            raise ValueError

    flow = Sequent("flow", store, run_id="r", config=CONFIG)
    outer = flow.add_step("outer", loop=seq.stream(numbers), concurrent=2, teardown=lambda: None)
    inner = outer.add_step("inner", work, args=(seq.item,), loop=seq.stream(letters))
    outer.add_step("last", work, args=(outer.item,), require=((inner, seq.STEP_SUCCESS),))
    flow.add_step("end", work, args=(0,), require=((outer, seq.STEP_FAILURE),))
    return flow


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_crash_at_any_moment_loses_and_repeats_no_item(mode: RunMode, first: int, tmp_path: Path) -> None:
    for moment in count(first, 3):
        store, calls, made = tmp_path / f"{moment}.db", list[Any](), list[int]()
        try:
            with crash_at(moment):
                assert a_flow(store, calls, made).run()
            break
        except Crash:
            done, recorded = successes(store), streamed(store)
        calls.clear()
        made.clear()
        assert a_flow(store, calls, made).run(run_mode=mode), f"after a crash at {moment}"
        assert not [call for call in calls if call in done], f"after a crash at {moment}"
        assert made in ([], [recorded]), f"after a crash at {moment}"
        ended = statuses(store)
        assert [ended["outer/last", f"1.{n}"] for n in (1, 2, 3)] == ["success", "success", "failure"]
        assert [ended["outer/inner#body", f"1.{n}.{k}"] for n in (1, 2, 3) for k in (1, 2)] == ["success"] * 6
        assert ended["end", "1"] == "success"
    assert moment > 60


def streamed(store: Path) -> int:
    """How many items of the outer stream are recorded."""
    found = rows(store, "SELECT count(*) FROM eventcore_items WHERE step = ?", "outer#items")
    assert isinstance(found[0][0], int)
    return found[0][0]
