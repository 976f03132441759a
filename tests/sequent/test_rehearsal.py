"""A recovery told beforehand is the recovery that comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from eventcore.define.status import TaskStatus
from eventcore.run.rehearsal import Rehearsal, rehearse
from sequent import STEP_FAILURE, STEP_RERUN, STEP_SUCCESS
from tests.sequent.test_recovery import RECOVER, RESTART, Work
from tests.support import eventor, flow, rows


def told(rehearsal: Rehearsal) -> tuple[list[str], list[str]]:
    """The instances that would run, and those that would be skipped."""
    runs, skipped = [], []
    for name, known in rehearsal.steps.items():
        path = name.partition("#")[0]
        runs += [f"{path}@{sequence}" for sequence, _ in known.again]
        runs += [f"{path}@{sequence}" for sequence in known.first]
        skipped += [f"{path}@{sequence}" for sequence in known.skipped]
    return sorted(runs), sorted(skipped)


def program(store: Path, mode: seq.RunMode, work: Work, **options: Any) -> seq.Sequent:
    """Loops of all kinds, a handler, a delay, a resource and a step that always runs."""
    f = flow(store, mode, stop_on_exception=False, max_concurrent=1, **options)
    lock = seq.ResourcePool("lock", 1)
    days = f.add_step("days", loop=["mon", "tue"])
    extract = days.add_step("extract", work, acquires=((lock, 1),))
    days.add_step("load", work, require=((extract, STEP_SUCCESS),), recovery={STEP_SUCCESS: STEP_RERUN})
    days.add_step("alarm", work, require=((extract, STEP_FAILURE),))
    each = f.add_step("each", work, loop=lambda: {"a": 1, "b": 2}, require=((days, STEP_SUCCESS),))
    f.add_step("report", work, require=((each, STEP_SUCCESS),), delay=0.01)
    return f


@pytest.mark.parametrize("fails", ["days/extract@1.2", "days/load@1.1", "days/load@1.2", "each@1.b", "report@1"])
def test_what_is_told_is_what_happens(fails: str, tmp_path: Path) -> None:
    work = Work(fails)
    program(tmp_path / "run.db", RESTART, work)()
    before = rows(tmp_path / "run.db", "select count(*) from {tasks}"), work.since()
    runs, skipped = told(rehearse(program(tmp_path / "run.db", RECOVER, work)))
    assert rows(tmp_path / "run.db", "select count(*) from {tasks}") == before[0]
    assert work.since() == []
    work.fails.clear()
    assert program(tmp_path / "run.db", RECOVER, work)()
    ran = set(work.since())
    unknown = {"each@1.a", "each@1.b"} if fails.startswith("days/") else set()  # its loop was never computed
    assert ran - {"report@1"} - unknown == set(runs) - {"report@1"}
    assert set(skipped).isdisjoint(ran)
    carried = rows(tmp_path / "run.db", "select step, sequence from {tasks} where status = 'skipped' and recovery = 1")
    leaves = {f"{step.partition('#')[0]}@{at}" for step, at in carried if "#" not in step or step.endswith("#body")}
    assert leaves - {"days@1", "each@1"} <= set(skipped)


def test_a_loop_that_was_never_computed_is_left_open(tmp_path: Path) -> None:
    work = Work("days/load@1.1")
    program(tmp_path / "run.db", RESTART, work)()
    steps = rehearse(program(tmp_path / "run.db", RECOVER, work)).steps
    assert not steps["each#body"].is_known
    assert not steps["days/alarm"].is_known


def test_what_ran_after_a_handled_failure_is_told_as_what_becomes_of_it_if_that_comes_again(tmp_path: Path) -> None:
    def built(mode: seq.RunMode) -> seq.Sequent:
        f = flow(tmp_path / "run.db", mode, stop_on_exception=False)
        a = f.add_step("a", work)
        b = f.add_step("b", work, require=((a, STEP_FAILURE),))
        f.add_step("c", work, require=((b, STEP_SUCCESS),))
        f.add_step("d", work, require=((a, STEP_SUCCESS),))
        return f

    work = Work("a@1", "c@1")
    built(RESTART)()
    steps = rehearse(built(RECOVER)).steps
    assert steps["a"].again == [("1", TaskStatus.failure)]
    assert (steps["b"].skipped, steps["b"].skipped_if_reached) == ([], ["1"])
    assert (steps["c"].again, steps["c"].again_if_reached) == ([], [("1", TaskStatus.failure)])
    assert (steps["d"].first, steps["d"].again_if_reached, steps["d"].skipped_if_reached) == (["1"], [], [])
    work.since()
    built(RECOVER)()
    assert work.since() == ["a@1", "c@1"]


def test_it_can_be_told_from_an_earlier_recovery_on(tmp_path: Path) -> None:
    work = Work("report@1")
    program(tmp_path / "run.db", RESTART, work)()
    work.fails.clear()
    program(tmp_path / "run.db", RECOVER, work)()
    assert rehearse(program(tmp_path / "run.db", RECOVER, work)).steps["report"].skipped == ["1"]
    earlier = rehearse(program(tmp_path / "run.db", RECOVER, work), recovery_run=0)
    assert earlier.steps["report"].again == [("1", TaskStatus.failure)]
    assert earlier.recovery == 2


def test_a_raw_program_with_units_that_nobody_returns(tmp_path: Path) -> None:
    def built(mode: evr.RunMode) -> evr.Eventor:
        program = eventor(tmp_path / "run.db", mode)
        pool = evr.ResourcePool("pool", 1)
        go = program.add_event("go")
        takes = program.add_step("takes", print, acquires=((pool, 1),), releases=())
        program.add_assoc(go, takes, program.add_step("wants", print, acquires=((pool, 1),)))
        program.trigger_event(go, 1)
        return program

    assert not built(RESTART)()
    steps = rehearse(built(RECOVER)).steps
    assert steps["takes"].skipped == ["1"]
    assert not steps["wants"].is_known
