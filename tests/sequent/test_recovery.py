"""Recovery and continuation of flows: what is done is not done again, and nothing else is left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.errors import ProgramChangedError, RunExistsError, RunNotFoundError, StoreError
from sequent import STEP_COMPLETE, STEP_FAILURE, STEP_RERUN, STEP_SKIP, STEP_SUCCESS
from tests.support import boom, flow, rows

RESTART, RECOVER, CONTINUE = seq.RunMode.restart, seq.RunMode.recover, seq.RunMode.continue_


class Work:
    """Notes what ran, and fails where it is told to until it is mended."""

    def __init__(self, *fails: str) -> None:
        self.fails = set(fails)
        self.ran: list[str] = []

    def __call__(self) -> str:
        me = f"{seq.current().name}@{seq.current().sequence}"
        self.ran.append(me)
        return boom(me) if me in self.fails else me

    def since(self) -> list[str]:
        """What ran since the last question."""
        ran, self.ran = self.ran, []
        return ran


def nested(store: Path, mode: seq.RunMode, work: Work, **options: Any) -> seq.Sequent:
    """Three days of extract and load, and a report."""
    f = flow(store, mode, **options)
    days = f.add_step("days", loop=["mon", "tue", "wed"])
    extract = days.add_step("extract", work)
    days.add_step("load", work, require=((extract, STEP_SUCCESS),))
    f.add_step("report", work, require=((days, STEP_SUCCESS),))
    return f


def test_recovery_goes_on_from_the_failed_iteration(tmp_path: Path) -> None:
    work = Work("days/load@1.2")
    assert not nested(tmp_path / "run.db", RESTART, work)()
    assert work.since() == ["days/extract@1.1", "days/load@1.1", "days/extract@1.2", "days/load@1.2"]
    work.fails.clear()
    assert nested(tmp_path / "run.db", RECOVER, work)()
    assert work.since() == ["days/load@1.2", "days/extract@1.3", "days/load@1.3", "report@1"]


def test_recovering_what_succeeded_does_nothing(tmp_path: Path) -> None:
    work = Work()
    assert nested(tmp_path / "run.db", RESTART, work)()
    work.since()
    for _ in range(2):
        assert nested(tmp_path / "run.db", RECOVER, work)()
    assert work.since() == []


def test_a_second_failure_can_be_recovered_again(tmp_path: Path) -> None:
    work = Work("days/load@1.2")
    assert not nested(tmp_path / "run.db", RESTART, work)()
    assert not nested(tmp_path / "run.db", RECOVER, work)()
    work.fails.clear()
    work.since()
    assert nested(tmp_path / "run.db", RECOVER, work)()
    assert work.since()[0] == "days/load@1.2"


def test_recovery_run_goes_back_to_an_earlier_recovery(tmp_path: Path) -> None:
    work = Work("days/load@1.2")
    assert not nested(tmp_path / "run.db", RESTART, work)()
    work.fails.clear()
    assert nested(tmp_path / "run.db", RECOVER, work)()
    work.since()
    assert nested(tmp_path / "run.db", RECOVER, work, recovery_run=0)()
    assert work.since() == ["days/load@1.2", "days/extract@1.3", "days/load@1.3", "report@1"]


def policy_run(store: Path, work: Work, recovery: Any, mode: seq.RunMode) -> bool:
    f = flow(store, mode)
    a = f.add_step("a", work, recovery=recovery)
    f.add_step("b", work, require=((a, STEP_SUCCESS),))
    return f()


def test_a_policy_of_rerun_runs_a_success_again_and_not_its_successors(tmp_path: Path) -> None:
    work = Work()
    for mode in (RESTART, RECOVER):
        work.since()
        assert policy_run(tmp_path / "run.db", work, {STEP_SUCCESS: STEP_RERUN}, mode)
    assert work.since() == ["a@1"]


@pytest.mark.parametrize("success", [seq.StepState.success, seq.StateStatus.success, seq.TaskStatus.success])
def test_a_policy_may_be_keyed_by_the_seeds_other_names_of_a_status(tmp_path: Path, success: Any) -> None:
    work = Work()
    for mode in (RESTART, RECOVER):
        work.since()
        assert policy_run(tmp_path / "run.db", work, {success: STEP_RERUN}, mode)
    assert work.since() == ["a@1"]


def test_a_steps_own_policy_wins_over_its_containers_by_whichever_name(tmp_path: Path) -> None:
    work = Work()
    for mode in (RESTART, RECOVER):
        f = flow(tmp_path / "run.db", mode)
        c = f.add_step("c", recovery={STEP_SUCCESS: STEP_RERUN})
        c.add_step("once", work, recovery={seq.TaskStatus.success: STEP_SKIP})
        assert f()
    assert work.ran == ["c/once@1.1"]


def test_a_policy_of_skip_passes_a_failure_over_as_if_it_were_done(tmp_path: Path) -> None:
    work = Work("a@1")
    assert not policy_run(tmp_path / "run.db", work, {STEP_FAILURE: STEP_SKIP}, RESTART)
    work.since()
    assert policy_run(tmp_path / "run.db", work, {STEP_FAILURE: STEP_SKIP}, RECOVER)
    assert work.since() == ["b@1"]


def test_a_containers_policy_holds_for_its_steps_unless_they_say_other(tmp_path: Path) -> None:
    work = Work()
    for mode in (RESTART, RECOVER):
        work.since()
        f = flow(tmp_path / "run.db", mode)
        c = f.add_step("c", recovery={STEP_SUCCESS: STEP_RERUN})
        c.add_step("again", work)
        c.add_step("once", work, recovery={STEP_SUCCESS: STEP_SKIP})
        assert f()
    assert work.since() == ["c/again@1.1"]


@pytest.mark.parametrize("status", [STEP_FAILURE, STEP_COMPLETE])
def test_a_handler_that_succeeded_is_skipped_and_still_handles_the_next_failure(
    tmp_path: Path, status: seq.StepStatus
) -> None:
    work = Work("a@1")
    for mode, ran in ((RESTART, ["a@1", "handler@1", "after@1"]), (RECOVER, ["a@1"]), (RECOVER, ["a@1"])):
        f = flow(tmp_path / "run.db", mode)
        a = f.add_step("a", work)
        handler = f.add_step("handler", work, require=((a, status),))
        f.add_step("after", work, require=((handler, STEP_SUCCESS),))
        assert f()
        assert work.since() == ran


def test_a_handler_that_is_to_run_for_each_failure_says_so(tmp_path: Path) -> None:
    work = Work("a@1")
    for mode, ran in ((RESTART, ["a@1", "handler@1", "after@1"]), (RECOVER, ["a@1", "handler@1"])):
        f = flow(tmp_path / "run.db", mode)
        a = f.add_step("a", work)
        handler = f.add_step("handler", work, require=((a, STEP_FAILURE),), recovery={STEP_SUCCESS: STEP_RERUN})
        f.add_step("after", work, require=((handler, STEP_SUCCESS),))
        assert f()
        assert work.since() == ran


def test_a_container_that_handles_a_failure_is_walked_again_only_for_what_is_not_done(tmp_path: Path) -> None:
    work = Work("a@1", "payments/second@1.1")
    for mode, ran in (
        (RESTART, ["a@1", "payments/first@1.1", "payments/second@1.1", "payments/first@1.2", "payments/second@1.2"]),
        (RECOVER, ["a@1", "payments/second@1.1"]),
    ):
        f = flow(tmp_path / "run.db", mode, stop_on_exception=False)
        a = f.add_step("a", work)
        payments = f.add_step("payments", loop=range(2), require=((a, STEP_FAILURE),))
        first = payments.add_step("first", work)
        payments.add_step("second", work, require=((first, STEP_SUCCESS),))
        assert not f()
        assert work.since() == ran


def test_added_steps_are_adopted(tmp_path: Path) -> None:
    work = Work()
    assert nested(tmp_path / "run.db", RESTART, work)()
    work.since()
    f = nested(tmp_path / "run.db", RECOVER, work)
    f.children["days"].add_step("check", work)
    f.add_step("mail", work)
    assert f()
    assert sorted(work.since()) == ["days/check@1.1", "days/check@1.2", "days/check@1.3", "mail@1"]


def test_how_the_program_differs_is_said_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    assert nested(tmp_path / "run.db", RESTART, work)()
    f = nested(tmp_path / "run.db", RECOVER, work)
    f.add_step("mail", work, require=((f.children["report"], STEP_SUCCESS),))
    f.children["days"].children["load"].func = print
    assert f()
    [said] = [text for text in caplog.messages if "differs" in text]
    assert "added: mail" in said
    assert "changed: days/load (function)" in said


def test_a_removed_step_that_has_history_is_an_error_unless_the_caller_says_so(tmp_path: Path) -> None:
    work = Work()
    assert nested(tmp_path / "run.db", RESTART, work)()
    for accept in (False, True):
        f = nested(tmp_path / "run.db", RECOVER, work)
        del f.children["report"]
        if accept:
            assert f.run(accept_removed=True)
        else:
            with pytest.raises(ProgramChangedError, match=r"'report'.*accept_removed=True"):
                f.run()


@pytest.mark.parametrize("mode", [RECOVER, CONTINUE])
def test_nothing_to_recover_is_a_clear_error(tmp_path: Path, mode: seq.RunMode) -> None:
    store = tmp_path / "run.db"
    with pytest.raises(StoreError, match=r"there is no store at .*run the program first"):
        nested(store, mode, Work())()
    assert flow(store)()
    with pytest.raises(RunNotFoundError, match=r"run\.db.*'other'.*nothing to recover or continue"):
        seq.Sequent("other", store, mode, logging_level="ERROR").run()


def test_an_unknown_run_is_named(tmp_path: Path) -> None:
    work = Work()
    assert nested(tmp_path / "run.db", RESTART, work, run_id="mine")()
    with pytest.raises(RunNotFoundError, match="'yours'"):
        nested(tmp_path / "run.db", RECOVER, work, run_id="yours")()


def test_a_run_id_that_is_taken_is_an_error(tmp_path: Path) -> None:
    work = Work()
    assert nested(tmp_path / "run.db", RESTART, work, run_id="mine")()
    with pytest.raises(RunExistsError, match="already has a run 'mine'"):
        nested(tmp_path / "run.db", RESTART, work, run_id="mine")()


def test_many_runs_live_in_one_store_and_touch_each_other_nowhere(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for run_id in ("one", "two"):
        assert not nested(store, RESTART, Work("days/load@1.2"), run_id=run_id)()
    before = rows(store, "select * from {tasks} where run = 2 order by step, sequence")
    work = Work()
    assert nested(store, RECOVER, work, run_id="one")()
    assert len(work.ran) == 4
    assert rows(store, "select * from {tasks} where run = 2 order by step, sequence") == before


def test_continue_finishes_what_a_killed_process_left(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    work = Work()
    child = os.fork()
    if child == 0:
        try:
            dies = nested(store, RESTART, work, run_id="mine")
            dies.children["days"].children["load"].func = lambda: os._exit(9)
            dies()
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert nested(store, CONTINUE, work)()
    assert work.since() == [
        "days/load@1.1", "days/extract@1.2", "days/load@1.2", "days/extract@1.3", "days/load@1.3", "report@1",
    ]  # fmt: skip
    assert rows(store, "select recovery from {runs}") == [(0,)]


def test_a_rerun_that_returns_nothing_hands_nothing_on(tmp_path: Path) -> None:
    got: list[Any] = []

    def value() -> str | None:
        return "first" if seq.current().recovery == 0 else None

    def fails_at_first() -> None:
        if seq.current().recovery == 0:
            boom()

    made = flow(tmp_path / "run.db")
    a = made.add_step("a", value, recovery={STEP_SUCCESS: STEP_RERUN})
    b = made.add_step("b", fails_at_first, require=((a, STEP_SUCCESS),))
    made.add_step("c", got.append, args=(a.result,), require=((b, STEP_SUCCESS),))
    assert made.run() is False
    assert made.run(run_mode=seq.RUN_RECOVER) is True
    assert got == [None]


def test_units_that_a_finished_iteration_keeps_stay_taken_in_recovery(tmp_path: Path) -> None:
    room = seq.ResourcePool("room", 1)

    def fails_at_first() -> None:
        if seq.current().recovery == 0:
            boom()

    made = flow(tmp_path / "run.db")
    each = made.add_step("each", loop=[1])
    each.add_step("enter", int, acquires=[(room, 1)], releases=[])
    then = made.add_step("then", fails_at_first, require=((each, STEP_SUCCESS),))
    made.add_step("needs", int, acquires=[(room, 1)], require=((then, STEP_SUCCESS),))
    assert made.run() is False
    assert made.run(run_mode=seq.RUN_RECOVER) is False  # stalled: nobody gives the unit back


def test_continuing_remembers_how_far_the_recovery_looked_back(tmp_path: Path) -> None:
    ran: list[int] = []

    def first() -> None:
        if seq.current().recovery == 2 and seq.current().try_number == 1:
            boom()

    def second() -> None:
        ran.append(seq.current().recovery)
        if seq.current().recovery == 0:
            boom()

    made = flow(tmp_path / "run.db")
    config = {"retries": 1, "retry_delay": 0.05}
    a = made.add_step("a", first, recovery={STEP_SUCCESS: STEP_RERUN}, config=config)
    b = made.add_step("b", second, require=((a, STEP_SUCCESS),))
    made.add_step("c", boom, require=((b, STEP_SUCCESS),))
    made.run()
    made.run(run_mode=seq.RUN_RECOVER)
    made.run(1, run_mode=seq.RUN_RECOVER, recovery_run=0)
    assert ran == [0, 1]
    made.run()
    assert ran == [0, 1, 2]


@pytest.mark.parametrize("inner", [False, True])
def test_a_clause_on_the_iteration_before_knows_those_that_recovery_passes_over(tmp_path: Path, inner: bool) -> None:
    def built(mode: seq.RunMode) -> seq.Sequent:
        f = flow(tmp_path / "run.db", mode)
        days = f.add_step("days", loop=["mon", "tue", "wed"])
        around = days.add_step("part") if inner else days
        around.add_step("load", work, require=((seq.previous("load", loop="days"), STEP_SUCCESS),))
        return f

    path = "days/part/load" if inner else "days/load"
    wednesday = f"{path}@1.3.1" if inner else f"{path}@1.3"
    work = Work(wednesday)
    assert not built(RESTART)()
    work.fails.clear()
    work.since()
    assert built(RECOVER)()
    assert work.since() == [wednesday]
