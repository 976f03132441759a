"""What every observer takes, and what observers are told."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import eventcore as evr
from eventcore.act import announcer
from eventcore.act.engine_log import EngineLog
from eventcore.act.log_lines import LogLines
from eventcore.act.observer import (
    EVERYTHING,
    AttemptFailed,
    Notice,
    ProgramChanged,
    RequestTaken,
    RunAbandoned,
    RunEntered,
    RunFinished,
    RunFoundOver,
    RunPaused,
    RunResumed,
    RunStopping,
    StoreCameBack,
    StoreWentAway,
    TaskEnded,
    TaskNotice,
    TaskSkipped,
    TaskStarted,
    TurnRecorded,
)
from eventcore.act.system_clock import SystemClock
from eventcore.act.virtual_clock import VirtualClock
from eventcore.define.status import RunMode, TaskStatus, Verdict
from eventcore.errors import ConfigError, LeaseLostError
from eventcore.run import engine, session
from sequent.cli.entry import EntryObserver
from tests.support import Recorder, boom, eventor, flow, start

AT, RUN, WHO = 1_800_000_000.0, "run", ("step", "1.2")
SAMPLES: list[Notice] = [
    RunEntered(AT, RUN, "program", 0, RunMode.restart),
    ProgramChanged(AT, RUN, "added: load"),
    TaskStarted(AT, RUN, *WHO, 1),
    AttemptFailed(AT, RUN, *WHO, 1, AT - 1, "ValueError: 100 % wrong", None, AT + 60),
    AttemptFailed(AT, RUN, *WHO, 2, None, "ValueError: wrong", "Traceback ...", None),
    TaskEnded(AT, RUN, *WHO, TaskStatus.cancelled, 1, None, None),
    TaskSkipped(AT, RUN, *WHO, 0),
    RequestTaken(AT, RUN, "cancel", {"path": "step", "sequence": None}, "done"),
    RunPaused(AT, RUN),
    RunResumed(AT, RUN),
    RunStopping(AT, RUN, 2),
    StoreWentAway(AT, RUN, "the server closed the connection", 600.0),
    StoreCameBack(AT, RUN, 14.2),
    TurnRecorded(AT, RUN),
    RunFinished(AT, RUN, Verdict.stalled, 1, None, ("a waits for b",), ("c@1",), False),
    RunFinished(AT, RUN, Verdict.pending, 1, AT + 60, (), (), True),
    RunAbandoned(AT, RUN, "LeaseLostError: taken over"),
    RunFoundOver(AT, RUN, Verdict.failure, "recover it"),
]


@pytest.fixture(params=["log lines", "engine log", "live view", "entry", "recorder"])
def observer(
    request: pytest.FixtureRequest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Iterator[evr.Observer]:
    """Each of the observers that there are."""
    caplog.set_level(logging.DEBUG)
    if request.param == "live view":
        from sequent.cli.live_view import LiveView

        view = LiveView(str(tmp_path / "run.db"), SystemClock())
        yield view
        view.close()
    else:
        made: dict[str, Callable[[], evr.Observer]] = {
            "log lines": LogLines, "engine log": lambda: EngineLog(str(tmp_path), logging.INFO),
            "entry": lambda: EntryObserver(lambda _: None), "recorder": Recorder,
        }  # fmt: skip
        yield made[request.param]()


# every observer


def test_the_samples_are_of_every_kind() -> None:
    assert {type(sample) for sample in SAMPLES} == set(EVERYTHING)


def test_it_takes_every_kind_that_it_wants_however_often(observer: evr.Observer) -> None:
    assert set(observer.kinds) <= set(EVERYTHING)
    for sample in [*SAMPLES, *SAMPLES]:
        if type(sample) in observer.kinds:
            observer.notify(sample)


def test_it_follows_runs_one_after_another_and_is_never_in_their_way(
    observer: evr.Observer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []
    for number in ("1", "2"):
        ev = eventor(tmp_path / "run.db", run_id=number)
        ev.add_observer(observer)
        start(ev, ev.add_step("a", ran.append, (number,)), ev.add_step("b", boom))
        assert not ev.run()
    assert ran == ["1", "2"]
    assert not [text for text in caplog.messages if text.startswith("Observer")]


# what is told


def told(heard: list[Notice]) -> list[str]:
    """The kinds, of tasks with their steps."""
    return [f"{type(n).__name__} {n.step}" if isinstance(n, TaskNotice) else type(n).__name__ for n in heard]


def test_a_run_that_is_over_and_a_program_that_changed_are_told() -> None:
    recorder = Recorder()
    ev = eventor()
    first = ev.add_step("first", int)
    started = start(ev, first)
    ev.add_observer(recorder)
    ev.run()
    recorder.heard.clear()
    ev.run()
    assert [type(notice) for notice in recorder.heard] == [RunFoundOver]
    ev.add_assoc(started, ev.add_step("second", int))
    ev.run()
    assert recorder.of(ProgramChanged)[0].differences == "added: second"
    assert told(recorder.heard)[1:3] == ["RunEntered", "ProgramChanged"]


def test_a_run_is_told_from_its_beginning_to_its_end() -> None:
    recorder = Recorder()
    ev = evr.Eventor("program", ":memory:", run_id="mine", config={"task_construct": "invoke"}, observers=[recorder])
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("second", int))
    start(ev, ev.add_step("first", int, triggers={evr.STEP_SUCCESS: (done,)}))
    assert ev.run()
    assert told(recorder.heard) == [
        "RunEntered",
        "TurnRecorded", "TaskStarted first",
        "TaskEnded first", "TurnRecorded", "TaskStarted second",
        "TaskEnded second", "TurnRecorded",
        "RunFinished",
    ]  # fmt: skip
    assert {notice.run_id for notice in recorder.heard} == {"mine"}
    times = [notice.at for notice in recorder.heard]
    assert times == sorted(times)
    [entered], [finished] = recorder.of(RunEntered), recorder.of(RunFinished)
    assert (entered.program, entered.recovery, entered.mode) == ("program", 0, RunMode.restart)
    assert (finished.verdict, finished.outstanding, finished.next_due) == (Verdict.success, 0, None)


def test_what_is_told_is_recorded(tmp_path: Path) -> None:
    stored: list[tuple[type[Notice], str]] = []

    class Reads(evr.Observer):
        kinds = (TaskStarted, TaskEnded)

        def notify(self, notice: Notice) -> None:
            with closing(sqlite3.connect(tmp_path / "run.db")) as connection:
                [[status]] = connection.execute("select status from eventcore_tasks").fetchall()
            stored.append((type(notice), status))

    ev = eventor(tmp_path / "run.db")
    ev.add_observer(Reads())
    start(ev, ev.add_step("a", int))
    assert ev.run()
    assert stored == [(TaskStarted, "active"), (TaskEnded, "success")]


def test_failed_attempts_are_told_with_their_outlook() -> None:
    recorder, clock = Recorder(AttemptFailed, TaskEnded), VirtualClock(AT)
    ev = eventor(retries=1, retry_delay=60, logging_level="CRITICAL")
    ev.use_clock(clock)
    ev.add_observer(recorder)
    start(ev, ev.add_step("fails", boom))
    assert not ev.run()
    first, last = recorder.of(AttemptFailed)
    [ended] = recorder.of(TaskEnded)
    assert (first.try_number, first.at, first.next_due) == (1, AT, AT + 60)
    assert (last.try_number, last.at, last.next_due) == (2, AT + 60, None)
    assert first.error == last.error == ended.error == "ValueError: boom"
    assert "boom" in (last.traceback or "")
    assert (ended.status, ended.try_number, ended.at) == (TaskStatus.failure, 2, AT + 60)


def test_what_a_recovery_skips_is_told(tmp_path: Path) -> None:
    def build(mode: evr.RunMode, *, broken: bool) -> evr.Eventor:
        ev = eventor(tmp_path / "run.db", mode, logging_level="CRITICAL")
        start(ev, ev.add_step("a", int), ev.add_step("b", boom if broken else int))
        return ev

    assert not build(evr.RUN_RESTART, broken=True).run()
    recorder = Recorder(RunEntered, TaskSkipped, TaskEnded)
    again = build(evr.RUN_RECOVER, broken=False)
    again.add_observer(recorder)
    assert again.run()
    assert told(recorder.heard) == ["RunEntered", "TaskSkipped a", "TaskEnded b"]
    assert recorder.of(RunEntered)[0].recovery == 1
    assert recorder.of(TaskSkipped)[0].done_in == 0


def test_what_runs_inside_the_engine_is_not_told() -> None:
    recorder = Recorder(TaskStarted, TaskEnded, TaskSkipped)
    f = flow()
    f.add_observer(recorder)
    each = f.add_step("each", loop=lambda: [1, 2])
    each.add_step("inner", int)
    assert f.run()
    assert {notice.step for notice in recorder.of(TaskEnded)} == {"each/inner"}
    assert [notice.sequence for notice in recorder.of(TaskEnded)] == ["1.1", "1.2"]


def test_ctrl_c_is_told() -> None:
    recorder = Recorder(RunStopping, RunFinished)
    ev = eventor(logging_level="CRITICAL")
    ev.add_observer(recorder)
    done = ev.add_event("done")
    ev.add_assoc(done, ev.add_step("never", int))
    pressed = ev.add_step("a", lambda: os.kill(os.getpid(), signal.SIGINT), triggers={evr.STEP_SUCCESS: (done,)})
    start(ev, pressed)
    with pytest.raises(KeyboardInterrupt):
        ev.run()
    assert told(recorder.heard) == ["RunStopping", "RunFinished"]
    assert recorder.of(RunFinished)[0].interrupted


@pytest.mark.parametrize(("running", "said"), [
    (0, "Stopping: no step is running"),
    (1, "Stopping: 1 running step may finish; press Ctrl-C again to end it"),
    (2, "Stopping: 2 running steps may finish; press Ctrl-C again to end them"),
])  # fmt: skip
def test_ctrl_c_is_logged_with_what_is_still_running(running: int, said: str, caplog: pytest.LogCaptureFixture) -> None:
    LogLines().notify(RunStopping(AT, RUN, running))
    assert caplog.messages == [said]


def test_that_a_database_is_away_and_back_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    LogLines().notify(StoreWentAway(AT, RUN, "store x: connection refused", 600.0))
    LogLines().notify(StoreCameBack(AT, RUN, 14.2))
    assert caplog.messages == [
        "Waiting up to 600 s for the database, while steps that run go on: store x: connection refused",
        "The database is back after 14 s",
    ]


def test_whatever_names_users_give_a_line_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    odd = "load\x1b[31m\nall"
    caplog.set_level(logging.INFO)
    for notice in (
        TaskEnded(AT, RUN, odd, odd, TaskStatus.failure, 1, None, None),
        ProgramChanged(AT, RUN, f"added: {odd}"),
        RequestTaken(AT, RUN, "cancel", {"path": odd, "sequence": None}, f"refused: no step {odd}"),
        RunFinished(AT, RUN, Verdict.stalled, 1, None, (odd,), (odd,), False),
    ):
        LogLines().notify(notice)
    assert len(caplog.messages) == 6
    assert [line for line in caplog.messages if not line.isprintable()] == []


def test_requests_are_told_with_their_answers_and_so_is_pausing(tmp_path: Path) -> None:
    store, command = str(tmp_path / "run.db"), str(Path(sys.executable).with_name("sequent"))
    recorder = Recorder(RequestTaken, RunPaused, RunResumed)

    def ask() -> None:
        for verb in ("pause", "resume"):
            subprocess.run([command, verb, store], check=True, capture_output=True)

    ev = eventor(store, task_construct="thread", logging_level="CRITICAL")
    ev.add_observer(recorder)
    start(ev, ev.add_step("asks", ask))
    assert ev.run()
    assert told(recorder.heard) == ["RequestTaken", "RunPaused", "RequestTaken", "RunResumed"]
    assert [(taken.verb, taken.answer) for taken in recorder.of(RequestTaken)] == [
        ("pause", "done"),
        ("resume", "done"),
    ]


def test_a_run_that_its_engine_must_leave_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    from eventcore.record.turns import TurnWriter

    def lost(*_: object) -> None:
        raise LeaseLostError

    monkeypatch.setattr(TurnWriter, "write", lost)
    recorder = Recorder()
    ev = eventor()
    ev.add_observer(recorder)
    start(ev, ev.add_step("a", int))
    with pytest.raises(LeaseLostError):
        ev.run()
    assert told(recorder.heard) == ["RunEntered", "RunAbandoned"]
    assert recorder.of(RunAbandoned)[0].error.startswith("LeaseLostError: another engine took over this run")


# how it is told


def test_an_interrupted_run_is_abandoned_and_it_is_told_what_can_be_done() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    recorder = Recorder(RunAbandoned)
    ev = eventor(task_construct="invoke")
    ev.add_observer(recorder)
    start(ev, ev.add_step("a", interrupted))
    with pytest.raises(KeyboardInterrupt):
        ev.run()
    assert recorder.of(RunAbandoned)[0].error == (
        f"KeyboardInterrupt: run {ev.run_id!r} was interrupted and its running steps were ended; run() continues it"
    )


def test_only_what_somebody_wants_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[type[Notice]] = []
    counted: dict[type[Notice], Any] = {}
    for kind in EVERYTHING:

        def note(self: Notice, kind: type[Notice] = kind) -> None:
            made.append(kind)

        name = kind.__name__
        counted[kind] = msgspec.defstruct(name, (), bases=(kind,), namespace={"__post_init__": note}, frozen=True)
        for module in (announcer, engine, session):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, counted[kind])
    logging.disable(logging.CRITICAL)
    try:
        ev = eventor()
        start(ev, ev.add_step("a", int), ev.add_step("b", boom))
        assert not ev.run()
        assert made == []
        ev.add_observer(Recorder(counted[TaskEnded]))
        assert not ev.run(run_mode=evr.RUN_RESTART)
        assert made == [TaskEnded, TaskEnded]
    finally:
        logging.disable(logging.NOTSET)


def test_an_observer_that_raises_is_logged_and_hears_on_and_so_do_others(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Recorder):
        def notify(self, notice: Notice) -> None:
            super().notify(notice)
            raise RuntimeError("no network")

    first, second = Broken(TaskEnded, RunFinished), Recorder(TaskEnded, RunFinished)
    ev = eventor()
    ev.add_observer(first)
    ev.add_observer(second)
    start(ev, ev.add_step("a", int))
    assert ev.run()
    assert first.heard == second.heard
    assert told(second.heard) == ["TaskEnded a", "RunFinished"]
    said = [record for record in caplog.records if "no network" in record.getMessage()]
    assert [record.exc_info is not None for record in said] == [True, False]


def test_observers_are_told_on_the_thread_that_runs() -> None:
    threads: set[int] = set()

    class Where(evr.Observer):
        def notify(self, notice: Notice) -> None:
            threads.add(threading.get_ident())

    ev = eventor(task_construct="thread")
    ev.add_observer(Where())
    start(ev, ev.add_step("a", int))
    assert ev.run()
    assert threads == {threading.get_ident()}


def test_notices_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SAMPLES[0].run_id = "other"  # type: ignore[misc]  # that is what is tried


def test_what_is_no_observer_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"eventcore\.Observer"):
        evr.Eventor(store=":memory:", observers=[print])  # type: ignore[list-item]  # that is what is tried


@pytest.mark.parametrize("kinds", [None, TaskEnded, "TaskEnded", (TaskNotice,), (kind for kind in EVERYTHING)])
def test_an_observer_that_wants_what_there_is_not_is_refused(kinds: Any) -> None:
    class Wanting(Recorder):
        pass

    observer = Wanting()
    observer.kinds = kinds
    with pytest.raises(ConfigError, match="kinds of observer Wanting"):
        evr.Eventor(store=":memory:", observers=[observer])
