"""Running again what is done: which instances, and what with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.decide.rerunning import Rerun
from eventcore.errors import ProgramError
from sequent import STEP_SUCCESS
from tests.support import flow, rows

calls: list[str] = []


def note() -> None:
    now = seq.current()
    calls.append(f"{now.name}@{now.sequence}")


def fails_at_first() -> None:
    note()
    if seq.current().recovery == 0:
        raise ValueError


def built(store: Path, last: object = note) -> seq.Sequent:
    """Two loops, one in the other, a step after them and one beside."""
    made = flow(store)
    outer = made.add_step("outer", loop=[1, 2])
    inner = outer.add_step("inner", loop=[1, 2])
    a = inner.add_step("a", note)
    inner.add_step("b", note, require=((a, STEP_SUCCESS),))
    outer.add_step("c", note, require=((inner, STEP_SUCCESS),))
    made.add_step("after", last, require=((outer, STEP_SUCCESS),))  # type: ignore[arg-type]
    made.add_step("beside", note)
    return made


@pytest.fixture
def done(tmp_path: Path) -> seq.Sequent:
    made = built(tmp_path / "run.db")
    assert made.run()
    calls.clear()
    return made


@pytest.mark.parametrize(
    ("rerun", "ran"),
    [
        (Rerun("beside"), ["beside@1"]),
        (Rerun("outer/inner/a", "1.2.1"), ["outer/inner/a@1.2.1"]),
        (Rerun("outer/inner", "1.2"), [f"outer/inner/{name}@1.2.{i}" for i in (1, 2) for name in "ab"]),
        (Rerun("outer/inner", "1.2.2"), ["outer/inner/a@1.2.2", "outer/inner/b@1.2.2"]),
        (Rerun("outer/c"), ["outer/c@1.1", "outer/c@1.2"]),
        (
            Rerun("outer/inner/a", "1.2.1", "downstream"),
            ["outer/inner/a@1.2.1", "outer/inner/b@1.2.1", "outer/c@1.2", "after@1"],
        ),
        (Rerun("outer/inner/b", "1.1.2", "downstream"), ["outer/inner/b@1.1.2", "outer/c@1.1", "after@1"]),
        (Rerun("after", None, "downstream"), ["after@1"]),
        (Rerun("outer/inner/b", "1.1.2", "only"), ["outer/inner/b@1.1.2"]),
    ],
)
def test_what_is_named_runs_again_and_nothing_else(done: seq.Sequent, rerun: Rerun, ran: list[str]) -> None:
    assert done.run(run_mode=seq.RUN_RECOVER, rerun=rerun)
    assert calls == ran


def test_what_recovery_would_run_anyway_runs_as_well_unless_only_is_said(tmp_path: Path) -> None:
    made = built(tmp_path / "run.db", fails_at_first)
    assert not made.run()
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("beside", None, "only"))
    assert calls == ["beside@1"]
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("beside"))
    assert calls == ["beside@1", "after@1"]


def test_history_stays_and_the_next_recovery_finds_the_rerun_in_it(done: seq.Sequent) -> None:
    assert done.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("outer/inner/a", "1.2.1"))
    calls.clear()
    assert done.run(run_mode=seq.RUN_RECOVER)
    assert calls == []


@pytest.mark.parametrize("loop", [None, [1, 2]])
def test_what_a_rerun_failed_runs_again_although_its_iteration_had_succeeded_before(tmp_path: Path, loop: Any) -> None:
    fails = False

    def work() -> None:
        note()
        if fails:
            raise ValueError

    made = flow(tmp_path / "run.db", stop_on_exception=False)
    made.add_step("c", loop=loop).add_step("s", work)
    assert made.run()
    fails = True
    assert not made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("c/s", "1.1"))
    fails = False
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert calls == ["c/s@1.1"]


def test_what_failed_over_an_older_recovery_runs_again_although_a_later_one_had_succeeded(tmp_path: Path) -> None:
    fails = iter((True, False, True, False))

    def work() -> None:
        note()
        if next(fails):
            raise ValueError

    made = flow(tmp_path / "run.db", stop_on_exception=False)
    made.add_step("c", loop=[1]).add_step("s", work)
    assert not made.run()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert not made.run(run_mode=seq.RUN_RECOVER, recovery_run=0)
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert calls == ["c/s@1.1"]


def test_a_recovery_after_a_rerun_walks_the_items_that_the_rerun_computed(tmp_path: Path) -> None:
    found, fails = {"a": 1, "b": 2}, ""

    def work() -> None:
        note()
        if seq.current().key == fails:
            raise ValueError

    made = flow(tmp_path / "run.db", stop_on_exception=False)
    made.add_step("c", loop=lambda: found).add_step("s", work)
    assert made.run()
    found, fails = {"b": 2, "c": 3}, "c"
    assert not made.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("c"))
    fails = ""
    calls.clear()
    assert made.run(run_mode=seq.RUN_RECOVER)
    assert calls == ["c/s@1.c"]


def test_an_instance_that_is_not_there_is_named(done: seq.Sequent) -> None:
    with pytest.raises(ProgramError, match=r"no instance of outer/inner/a@1\.9\.1"):
        done.run(run_mode=seq.RUN_RECOVER, rerun=Rerun("outer/inner/a", "1.9.1"))
    assert rows(done.store, "select max(recovery) from {recoveries}") == [(0,)]
