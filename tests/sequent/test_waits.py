"""Waits: steps without a function that end with a signal from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from eventcore.act.virtual_clock import VirtualClock
from eventcore.run.rehearsal import rehearse
from sequent.errors import FlowError
from tests.support import boom, flow

NOW, LATER = 1, -1  #: passes: until only an answer or time helps; until everything is over


def taken(value: object) -> object:
    return value


def approving(store: str | Path = ":memory:", **wait: Any) -> seq.Sequent:
    program = flow(store)
    approved = program.add_wait("approved", **wait)
    program.add_step("send", taken, args=(approved.result,))
    return program


def test_a_signal_ends_the_wait_and_its_value_is_the_result() -> None:
    program = approving()
    assert program.run(NOW)
    assert program.verdict is evr.Verdict.pending
    assert program.tasks("approved")[0].status is seq.TaskStatus.active
    program.signal("approved", {"by": "the board"})
    assert program.run(LATER)
    assert program.result("send") == {"by": "the board"}


def test_a_wait_survives_restarts_and_recoveries(tmp_path: Path) -> None:
    approving(tmp_path / "run.db").run(NOW, run_id="one")
    for mode in (seq.RUN_CONTINUE, seq.RUN_RECOVER):
        again = approving(tmp_path / "run.db")
        again.run(NOW, run_mode=mode, run_id="one")
        assert again.tasks("approved")[0].status is seq.TaskStatus.active
    assert evr.steer(tmp_path / "run.db").signal("approved", "yes").status is evr.RequestStatus.taken
    last = approving(tmp_path / "run.db")
    assert last.run(run_mode=seq.RUN_CONTINUE, run_id="one")
    assert last.result("send") == "yes"
    assert last.run(run_mode=seq.RUN_RECOVER)
    assert last.tasks("approved")[0].status is seq.TaskStatus.skipped
    assert last.result("approved") == "yes"


def test_a_signal_without_an_engine_counts_for_a_recovery_too(tmp_path: Path) -> None:
    program = approving(tmp_path / "run.db")
    program.run(NOW)
    program.signal("approved", "yes")
    assert program.run(run_mode=seq.RUN_RECOVER)
    assert program.result("send") == "yes"


def test_without_a_signal_in_time_it_fails_or_has_its_default() -> None:
    for wait, ok in (({}, False), ({"default": None}, True), ({"default": [1]}, True)):
        program = approving(timeout=86400.0, **wait)
        program.use_clock(VirtualClock())
        assert program.run() is ok
        (task,) = program.tasks("approved")
        assert task.seconds == 86400.0
        if ok:
            assert program.result("send") == wait["default"]
        else:
            assert task.error == "timed out: nobody sent its signal in time"


def test_each_iteration_has_its_own_wait() -> None:
    program = flow(max_concurrent=1)
    days = program.add_step("days", loop={"mon": 1, "tue": 2}, concurrent=2)
    approved = days.add_wait("approved")
    days.add_step("send", taken, args=(approved.result,))
    program.run(NOW)
    answer = program.signal("days/approved", True)
    assert answer.status is evr.RequestStatus.refused
    assert "name one of days/approved@1.mon, days/approved@1.tue" in str(answer.reason)
    program.signal("days/approved", "first", "1.tue")
    program.run(NOW)
    program.signal("days/approved", "second")
    assert program.run(LATER)
    assert program.results("days/send") == {"1.mon": "second", "1.tue": "first"}


@pytest.mark.parametrize(
    ("path", "sequence", "said"),
    [
        ("approvd", None, "did you mean 'approved'"),
        ("send", None, "is not a wait; the waits are approved"),
        ("approved", "7", "approved@7 is not waiting"),
    ],
)
def test_what_answers_nothing_is_refused(path: str, sequence: str | None, said: str) -> None:
    program = approving()
    program.run(NOW)
    answer = program.signal(path, True, sequence)
    assert answer.is_refused
    assert said in str(answer.reason)


def test_what_was_answered_without_an_engine_is_not_asked_for_again(tmp_path: Path) -> None:
    program = flow(tmp_path / "run.db")
    days = program.add_step("days", loop=["mon", "tue"], concurrent=2)
    days.add_step("send", taken, args=(days.add_wait("approved").result,))
    program.run(NOW)
    assert "name one of days/approved@1.1, days/approved@1.2" in str(program.signal("days/approved").reason)
    assert program.signal("days/approved", "one", "1.1").status is evr.RequestStatus.taken
    assert program.signal("days/approved", "two").status is evr.RequestStatus.taken
    assert "answered already" in str(program.signal("days/approved").reason)
    assert program.run()
    assert program.results("days/send") == {"1.1": "one", "1.2": "two"}


def test_a_wait_is_answered_once() -> None:
    program = approving()
    program.run(NOW)
    program.signal("approved", 1)
    assert "answered already" in str(program.signal("approved", 2).reason)
    program.run(LATER)
    assert "not waiting" in str(program.signal("approved", 3).reason)
    assert program.result("send") == 1


def test_the_retries_of_the_flow_do_not_prolong_a_wait() -> None:
    program = flow(retries=3, retry_delay=60)
    program.add_wait("approved", timeout=10)
    program.use_clock(VirtualClock())
    assert not program.run()
    assert [task.seconds for task in program.tasks("approved")] == [10.0]


def test_a_failure_that_ends_its_iteration_ends_the_wait() -> None:
    program = flow()
    box = program.add_step("box")
    box.add_wait("approved")
    box.add_step("fails", boom)
    program.add_step("after", taken, args=(1,), require=((box, seq.STEP_FAILURE),))
    assert program.run()
    assert [task.status for task in program.tasks("box/approved")] == [seq.TaskStatus.cancelled]
    assert program.result("after") == 1


def test_a_dry_run_takes_signals_for_granted(tmp_path: Path) -> None:
    program = approving(tmp_path / "run.db")
    program.run(NOW)
    told = rehearse(program)
    assert [sequence for sequence, _ in told.steps["approved"].again] == ["1"]
    assert told.steps["send"].first == ["1"]


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        ({"timeout": 0}, "timeout must be a number of seconds above 0, not 0"),
        ({"timeout": "1 h"}, "not '1 h'"),
        ({"default": 1}, "give a timeout, too"),
        ({"timeout": 1, "default": object()}, "has no codec"),
    ],
)
def test_a_wait_that_could_not_work_is_refused(wait: dict[str, Any], said: str) -> None:
    with pytest.raises(FlowError, match=said):
        flow().add_wait("approved", **wait)


def test_nothing_can_be_added_to_a_wait() -> None:
    approved = flow().add_wait("approved")
    with pytest.raises(FlowError, match="'approved' is a wait, so it cannot contain 'x'"):
        approved.add_step("x")
