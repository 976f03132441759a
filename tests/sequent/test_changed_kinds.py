"""A step that has become another kind of step since its run: each recovery completes it, and all can be read."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sequent as seq
import visual
from eventcore.record.reading import reading
from tests.support import flow
from visual.reasons import Known, explanations

Shape = Callable[[seq.Sequent, Callable[[], None]], seq.FlowStep | None]


def plain(f: seq.Sequent, work: Callable[[], None]) -> seq.FlowStep:
    return f.add_step("x", work)


def looped(f: seq.Sequent, work: Callable[[], None]) -> seq.FlowStep:
    return f.add_step("x", work, loop=[1, 2])


def container(f: seq.Sequent, work: Callable[[], None]) -> seq.FlowStep:
    x = f.add_step("x")
    x.add_step("a", work)
    return x


def loop(f: seq.Sequent, work: Callable[[], None]) -> seq.FlowStep:
    x = f.add_step("x", loop=[1, 2])
    x.add_step("a", work)
    return x


def nested(f: seq.Sequent, work: Callable[[], None]) -> seq.FlowStep:
    x = f.add_step("x", loop=lambda: [1, 2])
    x.add_step("a", loop=[1]).add_step("b", work)
    return x


def gone(f: seq.Sequent, work: Callable[[], None]) -> None:
    f.add_step("y", work)


SHAPES: list[Shape] = [plain, looped, container, loop, nested, gone]


class Program:
    """A flow with a step of some shape and one after it; `down` are those that fail."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.down: set[str] = set()
        self.ran: list[str] = []

    def work(self) -> None:
        """Note the call, or fail."""
        now = seq.current()
        if now.name[0] in self.down:
            raise OSError(now.name)
        self.ran.append(f"{now.name}@{now.sequence}")

    def run(self, shape: Shape, mode: seq.RunMode) -> tuple[bool, list[str]]:
        """What a call of run returns, and what ran."""
        self.ran = []
        made = flow(self.store, mode)
        x = shape(made, self.work)
        made.add_step("after", self.work, require=None if x is None else ((x, seq.STEP_SUCCESS),))
        return made.run(accept_removed=True), self.ran


@pytest.mark.parametrize("is_done", [True, False], ids=["done", "failed"])
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(SHAPES, 2)))
def test_it_is_recovered_once_and_read(tmp_path: Path, before: Shape, after: Shape, is_done: bool) -> None:
    program = Program(tmp_path / "run.db")
    program.down = {"a"} if is_done else {"a", "x", "y"}
    assert not program.run(before, seq.RUN_RESTART)[0]
    program.down = set()
    ok, ran = program.run(after, seq.RUN_RECOVER)
    assert (ok, ran.count("after@1")) == (True, 1)
    assert program.run(after, seq.RUN_RECOVER) == (True, [])
    with reading(str(program.store)) as reader:
        run = reader.run(None, now := time.time())
        known = Known(reader, run, now)
        assert {one.state for path in known.nodes for one in explanations(known, path)} <= {"success", "skipped"}
    assert visual.draw(program.store).dot
    assert visual.report(program.store)
