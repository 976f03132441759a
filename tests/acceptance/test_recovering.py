"""What recovery takes over from the runs before: programs that changed, tries, steps that are to run again."""

import logging
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.define.status import RunMode, StepReplay, StepStatus
from eventcore.errors import EventcoreError, ProgramChangedError, RunNotFoundError, StoreError
from sequent import Sequent
from tests.acceptance.chains import Calls, Flaky, chain, config, fails, nothing
from tests.crash.sabotage import rows, statuses
from tests.support import eventor, start


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_nothing_to_recover_is_an_error_that_says_so(mode: RunMode, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="run the program first"):
        chain(tmp_path, [], nothing).run(run_mode=mode)
    other = evr.Eventor("other", tmp_path / "s.db", config=config(tmp_path))
    other.trigger_event(other.add_event("start"), 1)
    assert other.run()
    with pytest.raises(RunNotFoundError, match="nothing to recover"):
        chain(tmp_path, [], nothing).run(run_mode=mode)
    with pytest.raises(EventcoreError, match="'lost'"):
        chain(tmp_path, [], nothing).run(run_mode=mode, run_id="lost")


def test_a_step_with_history_that_left_the_program_is_an_error_unless_accepted(tmp_path: Path) -> None:
    assert not chain(tmp_path, [], nothing, fails).run()
    with pytest.raises(ProgramChangedError, match="'s1'"):
        chain(tmp_path, [], nothing).run(run_mode=RunMode.recover)
    calls = Calls()
    assert chain(tmp_path, calls, nothing).run(run_mode=RunMode.recover, accept_removed=True)
    assert calls == []


def test_an_added_and_a_changed_step_are_adopted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def flow(calls: Calls, more: bool) -> Sequent:
        found = Sequent("flow", tmp_path / "s.db", config=config(tmp_path))
        outer = found.add_step("outer", loop=[1, 2])
        outer.add_step("kept", lambda: calls.append("kept"))
        broken = outer.add_step("broken", nothing if more else fails, config={"retries": 1} if more else {})
        if more:
            outer.add_step("added", lambda: calls.append("added"), require=((broken, StepStatus.success),))
        return found

    calls = Calls()
    assert not flow(calls, more=False).run()
    assert calls == ["kept"]
    with caplog.at_level(logging.WARNING, "eventcore"):
        assert flow(calls, more=True).run(run_mode=RunMode.recover)
    assert calls == ["kept", "added", "kept", "added"]
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "added: outer/added" in warning
    assert "outer/broken" in warning.partition("changed:")[2]


def test_a_step_added_to_what_had_succeeded_is_run(tmp_path: Path) -> None:
    def flow(calls: Calls, more: bool) -> Sequent:
        found = Sequent("flow", tmp_path / "s.db", config=config(tmp_path))
        outer = found.add_step("outer", loop=[1, 2])
        outer.add_step("kept", lambda: calls.append("kept"))
        if more:
            outer.add_step("added", lambda: calls.append("added"))
        return found

    calls = Calls()
    assert flow(calls, more=False).run()
    assert flow(calls, more=True).run(run_mode=RunMode.recover)
    assert calls == ["kept", "kept", "added", "added"]


def test_recovery_gives_a_step_all_its_tries_again(tmp_path: Path) -> None:
    calls, flaky = Calls(), Flaky()
    program = chain(tmp_path, calls, flaky, retries=2)
    assert not program.run()
    assert calls == ["s0"] * 3
    assert not program.run(run_mode=RunMode.recover)
    assert calls == ["s0"] * 6
    flaky.fixed = True
    assert program.run(run_mode=RunMode.recover)
    assert calls == ["s0"] * 7
    tries = rows(
        tmp_path / "s.db", "SELECT recovery, try FROM eventcore_attempts WHERE status = 'failure' ORDER BY 1, 2"
    )
    assert tries == [(r, t) for r in (0, 1) for t in (1, 2, 3)]


def test_a_step_that_ran_out_of_time_is_recovered(tmp_path: Path) -> None:
    def waits() -> None:
        end = time.monotonic() + 600
        while not (tmp_path / "fast").exists() and time.monotonic() < end:
            time.sleep(0.01)

    program = chain(tmp_path, [], waits, nothing, task_construct="process", timeout=2)
    assert not program.run()
    (tmp_path / "fast").touch()
    assert program.run(run_mode=RunMode.recover)
    assert statuses(tmp_path / "s.db") == {("s0", "1"): "success", ("s1", "1"): "success"}


def test_a_step_that_asks_for_it_is_run_again_alone(tmp_path: Path) -> None:
    calls = Calls()

    def flow() -> Sequent:
        found = Sequent("flow", tmp_path / "s.db", config=config(tmp_path))
        one = found.add_step(
            "one", lambda: calls.append("one"), recovery={StepStatus.success: StepReplay.rerun}
        )  # fmt: skip
        found.add_step("two", lambda: calls.append("two"), require=((one, StepStatus.success),))
        return found

    assert flow().run()
    assert flow().run(run_mode=RunMode.recover)
    assert calls == ["one", "two", "one"]


def test_a_try_that_was_lost_with_its_engine_uses_up_no_retry(tmp_path: Path) -> None:
    store = tmp_path / "run.db"

    def fails_once() -> None:
        if evr.current().try_number < 3:
            raise ValueError

    def program() -> evr.Eventor:
        made = eventor(store, run_id="run")
        start(made, made.add_step("step", fails_once, config={"retries": 1}))
        return made

    program().run(max_loops=0)
    with closing(sqlite3.connect(store)) as connection, connection:  # an engine died in the middle of the first try
        connection.execute("insert into eventcore_tasks (run, sequence, step, recovery, scope, status, try)"
                           " values (1, '1', 'step', 0, '', 'active', 1)")  # fmt: skip
        connection.execute("insert into eventcore_facts (run, sequence, event, recovery, scope, at)"
                           " values (1, '1', 'start step at 1', 0, '', 0)")  # fmt: skip
    assert program().run(run_mode=evr.RunMode.continue_, run_id="run")
