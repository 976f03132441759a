"""Counting tasks and loops in one scan says the same as looking for the latest of each."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

import pytest

import sequent as seq
from eventcore.define.status import TaskStatus
from eventcore.record.reading import reading
from eventcore.record.tallies import LoopTally, Tally
from tests.support import boom, flow, rows


class Shaky:
    """Fails at a few items, until it is mended."""

    def __init__(self) -> None:
        self.bad: set[str] = set()

    def __call__(self, item: str) -> None:
        """Fail where it is to."""
        if item in self.bad:
            boom(item)


def program(store: Path, mode: seq.RunMode, work: Shaky, computed: object = ("x", "y", "z")) -> seq.Sequent:
    """A loop whose items are computed, with a loop inside it, and a container without one."""
    made = flow(store, mode, stop_on_exception=False)
    outer = made.add_step("outer", loop=lambda: list(computed))  # type: ignore[call-overload]
    outer.add_step("inner", work, (outer.item,), loop=["1", "2"])
    outer.add_step("plain", work, (outer.item,))
    made.add_step("box").add_step("in", int)
    return made


def naive(store: Path) -> tuple[dict[str, Counter[str]], dict[str, list[int]]]:
    """The latest row of each task and loop, counted one by one."""
    latest = {(step, at): word for step, at, word in
              rows(store, "select step, sequence, status from {tasks} order by recovery")}  # fmt: skip
    counts: dict[str, Counter[str]] = {}
    for (step, _), word in latest.items():
        counts.setdefault(step, Counter())[word] += 1
    query = "select step, sequence, items, begun, l.over, failed from {loops} l order by recovery"
    walked = {(step, at): sums for step, at, *sums in rows(store, query)}
    loops: dict[str, list[int]] = {}
    for (step, _), sums in walked.items():
        loops[step] = [sum(pair) for pair in zip(loops.get(step, [0] * 4), sums, strict=True)]
    return counts, loops


def told(store: Path) -> tuple[dict[str, Tally], dict[str, LoopTally]]:
    """The same as the reader tells it."""
    with reading(str(store)) as reader:
        run = reader.run(None, time.time())
        return dict(reader.tallies(run)), reader.loops(run)


@pytest.mark.parametrize("seed", range(3))
def test_the_latest_recovery_of_each_instance_counts(seed: int, tmp_path: Path) -> None:
    store, work, chance = tmp_path / "run.db", Shaky(), random.Random(seed)
    for mode in (seq.RunMode.restart, *[seq.RunMode.recover] * 3):
        work.bad = set(chance.sample("xyz", chance.randint(1, 2)))
        program(store, mode, work).run()
        counts, loops = naive(store)
        tallies, walked = told(store)
        assert {step: dict(tally.counts) for step, tally in tallies.items()} == {
            step: {TaskStatus(word): count for word, count in found.items()} for step, found in counts.items()
        }
        assert {step: [w.items, w.begun, w.over, w.failed] for step, w in walked.items()} == loops
        assert (
            sum(sum(tally.tasks.values()) for tally in tallies.values())
            == rows(store, "select count(*) from {tasks}")[0][0]
        )


def test_what_a_recovery_passes_over_still_counts(tmp_path: Path) -> None:
    store, work = tmp_path / "run.db", Shaky()
    work.bad = {"y"}
    program(store, seq.RunMode.restart, work).run()
    work.bad = set()
    assert program(store, seq.RunMode.recover, work).run()
    assert rows(store, "select count(*) from {tasks} where recovery = 1 and sequence like '1.1%'") == [(0,)]
    tallies, loops = told(store)
    assert {step: loops[step].over for step in ("outer", "outer/inner")} == {"outer": 3, "outer/inner": 6}
    done = {step: sum(n for status, n in tally.counts.items() if status.is_done) for step, tally in tallies.items()}
    assert (done["outer/inner#body"], done["outer/plain"], done["box/in"]) == (6, 3, 1)


def test_of_many_tasks_the_failed_and_the_latest_are_read(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    work = Shaky()
    work.bad = {"3"}
    made = flow(store, stop_on_exception=False)
    each = made.add_step("each", loop=[str(number) for number in range(200)])
    each.add_step("do", work, (each.item,))
    made.run()
    order = [at for (at,) in rows(store, "select sequence from {tasks} where step = 'each/do' order by created")]
    with reading(str(store)) as reader:
        run = reader.run(None, time.time())
        found = reader.tasks(run, ["each/do"], time.time(), 10)
        every = reader.tasks(run, ["each/do"], time.time(), 200)
    assert [task.sequence for task in every] == order
    assert len(found) == 10
    assert found[0].status is TaskStatus.failure
    assert {task.sequence for task in found[1:]} == set(order[-9:])
