"""What every program can do, whichever way it is written: names, stores, modes and the run's identity."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from eventcore import errors
from eventcore.errors import ConfigError, EventcoreError, RunExistsError, RunHeldError, RunNotFoundError
from eventcore.record import requests
from eventcore.record.store import Store
from tests.support import boom, eventor, rows, run_script, start


@pytest.mark.parametrize("given", [None, ""])
def test_a_run_has_its_id_from_the_moment_the_object_is_made(tmp_path: Path, given: str | None) -> None:
    ev = evr.Eventor("program", tmp_path / "run.db", run_id=given, logging_level="ERROR")
    before = ev.run_id
    assert before
    assert ev.run(run_id=given)
    assert ev.run_id == before
    assert rows(tmp_path / "run.db", "select run_id from {runs}") == [(before,)]


def test_a_step_sees_the_id_that_the_object_has_while_it_runs(tmp_path: Path) -> None:
    ev = eventor(tmp_path / "run.db")
    seen: list[tuple[str, str]] = []
    start(ev, ev.add_step("s", lambda: seen.append((evr.current().run_id, ev.run_id))))
    before = ev.run_id
    assert ev.run()
    assert seen == [(before, before)]


@pytest.mark.sqlite
def test_a_failed_attempt_to_run_leaves_the_id(tmp_path: Path) -> None:
    ev = eventor(tmp_path / "nowhere" / "run.db")
    before = ev.run_id
    for arguments in ({}, {"run_mode": evr.RunMode.recover}, {"run_id": "other"}):
        with pytest.raises(EventcoreError):
            ev.run(**arguments)
        assert ev.run_id == before
    assert ev.run(store=tmp_path / "run.db")
    assert ev.run_id == before


@pytest.mark.parametrize("given", [None, "mine"])
def test_restarting_an_object_that_has_run_gives_a_new_id(tmp_path: Path, given: str | None) -> None:
    ev = evr.Eventor("program", tmp_path / "run.db", run_id=given, logging_level="ERROR")
    assert ev.run()
    first = ev.run_id
    assert ev.run(run_mode=evr.RunMode.restart)
    assert ev.run_id not in ("", first)
    assert rows(tmp_path / "run.db", "select run_id from {runs} order by id") == [(first,), (ev.run_id,)]


@pytest.mark.parametrize("mode", [evr.RunMode.recover, evr.RunMode.continue_])
def test_the_id_of_the_latest_run_is_known_once_it_is_entered(tmp_path: Path, mode: evr.RunMode) -> None:
    assert eventor(tmp_path / "run.db", run_id="mine").run()
    fresh = eventor(tmp_path / "run.db")
    assert fresh.run_id != "mine"
    for ev in (eventor(tmp_path / "run.db", mode), fresh):
        assert ev.run(run_mode=mode)
        assert ev.run_id == "mine"


def test_a_run_that_is_over_says_so_and_answers_as_it_ended(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []
    advice = {
        "success": "use `sequent rerun`, or rerun(path) in Python",
        "failure": "fix the problem, then recover it with `sequent recover`, or run_mode=RunMode.recover in Python",
    }
    for func, ok, said in ((ran.append, True, "success"), (boom, False, "failure")):
        ev = eventor(logging_level="WARNING")
        start(ev, ev.add_step("s", func, ("s",)))
        assert ev.run() is ok
        caplog.clear()
        assert ev.run() is ok
        [record] = [record for record in caplog.records if "is already over" in record.getMessage()]
        assert record.getMessage().startswith(f"Run {ev.run_id!r} is already over ({said}), so nothing was done; ")
        assert record.getMessage().endswith(advice[said])
    assert ran == ["s"]


def test_a_run_that_is_over_goes_on_with_what_is_new(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []
    ev = eventor(tmp_path / "run.db")
    event = start(ev, ev.add_step("s", lambda: ran.append(evr.current().sequence)))
    assert ev.run()
    ev.trigger_event(event, 2)
    assert ev.run()
    start(ev, ev.add_step("added", ran.append, ("added",)), sequence=3)
    assert ev.run()
    assert ran == ["1", "2", "added"]
    assert not [record for record in caplog.records if "is already over" in record.getMessage()]
    assert ev.run(run_mode=evr.RunMode.recover)
    assert ran == ["1", "2", "added"]
    assert rows(tmp_path / "run.db", "select max(recovery) from {recoveries}") == [(1,)]


def test_a_stalled_run_is_over(caplog: pytest.LogCaptureFixture) -> None:
    pool = evr.ResourcePool("licence", 1)
    ev = eventor(logging_level="WARNING")
    start(ev, *(ev.add_step(name, int, acquires=[(pool, 1)], releases=[]) for name in ("keeps", "waits")))
    assert not ev.run()
    caplog.clear()
    assert not ev.run()
    assert len([record for record in caplog.records if "is already over (stalled)" in record.getMessage()]) == 1


def test_generated_run_ids_differ(tmp_path: Path) -> None:
    found = set()
    for _ in range(3):
        ev = eventor(tmp_path / "run.db")
        assert ev.run()
        found.add(ev.run_id)
    assert len(found) == 3


def test_a_chosen_run_id_can_be_taken_once(tmp_path: Path) -> None:
    assert eventor(tmp_path / "run.db", run_id="mine").run()
    with pytest.raises(RunExistsError, match="already has a run 'mine'; recover it, or choose another"):
        eventor(tmp_path / "run.db", run_id="mine").run()


def test_recovery_takes_the_programs_latest_run_or_the_one_that_is_named(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for run_id in ("one", "two"):
        assert eventor(store, run_id=run_id).run()
    latest = eventor(store, evr.RunMode.recover)
    assert latest.run()
    assert latest.run_id == "two"
    assert eventor(store, evr.RunMode.recover, run_id="one").run()
    assert rows(store, "select run_id, recovery from {runs} order by id") == [("one", 1), ("two", 1)]


@pytest.mark.parametrize("mode", [evr.RunMode.recover, evr.RunMode.continue_])
def test_nothing_to_recover_or_continue_is_a_clear_error(tmp_path: Path, mode: evr.RunMode) -> None:
    assert evr.Eventor("another program", tmp_path / "run.db", logging_level="ERROR").run()
    with pytest.raises(RunNotFoundError, match=r"run\.db.*'program'.*run the program first"):
        eventor(tmp_path / "run.db", mode).run()


def test_recovery_of_memory_is_a_clear_error() -> None:
    with pytest.raises(RunNotFoundError, match="run the program first"):
        eventor(":memory:", evr.RunMode.recover).run()


@pytest.mark.parametrize("number", [5, -1])
def test_a_recovery_run_that_was_not_is_a_clear_error(tmp_path: Path, number: int) -> None:
    assert eventor(tmp_path / "run.db", run_id="mine").run()
    with pytest.raises(EventcoreError, match=rf"recovery_run {number}.*'mine' has no such recovery; its latest is 0"):
        eventor(tmp_path / "run.db", evr.RunMode.recover, recovery_run=number).run()


def test_a_second_engine_is_refused_and_told_who_holds_the_run(tmp_path: Path) -> None:
    refused: list[str] = []

    def second() -> None:
        other = eventor(tmp_path / "run.db", evr.RunMode.continue_)
        start(other, other.add_step("s", int))
        try:
            other.run()
        except RunHeldError as error:
            refused.append(str(error))

    ev = eventor(tmp_path / "run.db", task_construct="thread", run_id="mine")
    start(ev, ev.add_step("s", second))
    assert ev.run()
    [said] = refused
    assert "'mine'" in said
    assert f"process {os.getpid()}" in said
    assert "wait for it" in said


def test_two_runs_go_on_side_by_side_in_one_store(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    verdicts: list[bool] = []

    def run(run_id: str) -> None:
        ev = eventor(tmp_path / "run.db", task_construct="thread", run_id=run_id)
        start(ev, ev.add_step("s", together.wait, (20,)))
        verdicts.append(ev.run())

    eventor(tmp_path / "run.db", run_id="first").run()
    threads = [threading.Thread(target=run, args=(run_id,)) for run_id in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [True, True]


def test_every_expected_error_is_of_one_base() -> None:
    no_errors = (errors.Skip, errors.NotYet)  # which steps raise to say how they end
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind not in no_errors]
    assert len(kinds) > 5
    assert all(issubclass(kind, EventcoreError) and kind.__doc__ for kind in kinds)


@pytest.mark.parametrize("store", ["run.db", ":memory:"])
def test_an_object_that_runs_cannot_be_run_meanwhile(tmp_path: Path, store: str) -> None:
    ev = eventor(store if store == ":memory:" else tmp_path / store)

    def again() -> None:
        with pytest.raises(RunHeldError, match="wait until its run returns"):
            ev.run(run_mode=evr.RUN_RECOVER)

    start(ev, ev.add_step("s", again))
    assert ev.run()
    assert ev.count_todos() == (0, None)


@pytest.mark.sqlite
def test_an_error_leaves_the_object_usable(tmp_path: Path) -> None:
    ran: list[str] = []
    ev = eventor(tmp_path / "nowhere" / "run.db")
    start(ev, ev.add_step("s", ran.append, ("s",)))
    with pytest.raises(EventcoreError):
        ev.run()
    assert ev.run(store=tmp_path / "run.db")
    assert ran == ["s"]


def test_an_error_on_the_way_into_a_run_leaves_no_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: object) -> set[str]:
        raise errors.StoreError("disk I/O error")

    program = eventor(str(tmp_path / "s.db"))
    start(program, program.add_step("a"))
    monkeypatch.setattr(requests, "asked_sequences", unreadable)
    with pytest.raises(errors.StoreError, match="disk I/O error"):
        program.run()
    monkeypatch.undo()
    assert program.run()


def test_a_run_that_could_not_be_left_can_be_continued_by_the_same_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise errors.StoreError("the disk is full")

    path = str(tmp_path / "s.db")
    program = eventor(path)
    start(program, program.add_step("a"))
    monkeypatch.setattr(Store, "leave_run", full)
    with pytest.raises(errors.StoreError, match="the disk is full"):
        program.run()
    monkeypatch.undo()
    again = eventor(path)
    start(again, again.add_step("a"))
    assert again.run(run_mode=evr.RunMode.continue_)


def test_the_seeds_recovery_example_works_as_written(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ran: list[str] = []

    def build(mode: evr.RunMode, *, broken: bool) -> evr.Eventor:
        ev = eventor(store, mode)
        run2, done1, done2 = ev.add_event("run_step2"), ev.add_event("done_step1"), ev.add_event("done_step2")
        run3 = ev.add_event("run_step3", expr=(done1, done2))
        s1 = ev.add_step("s1", ran.append, ("s1",), triggers={evr.StepStatus.success: (done1, run2)})
        s2 = ev.add_step("s2", boom if broken else ran.append, ("s2",), triggers={evr.StepStatus.success: (done2,)},
                         recovery={evr.StepStatus.failure: evr.StepReplay.rerun,
                                   evr.StepStatus.success: evr.StepReplay.skip})  # fmt: skip
        ev.add_assoc(run2, s2)
        ev.add_assoc(run3, ev.add_step("s3", ran.append, ("s3",)))
        start(ev, s1, sequence=3)
        return ev

    assert build(evr.RunMode.restart, broken=True).run() is False
    assert build(evr.RunMode.recover, broken=False).run() is True
    assert ran == ["s1", "s2", "s3"]


def test_a_programs_name_is_that_of_its_module(tmp_path: Path) -> None:
    done = run_script("""
        import eventcore as evr
        import sequent as seq

        for program in (evr.Eventor(store=":memory:"), seq.Sequent(store=":memory:"), evr.Eventor("mine", ":memory:")):
            print(program.name)
        """, tmp_path)  # fmt: skip
    assert done.stdout.split() == ["script", "script", "mine"], done.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"run_mode": "recovr"}, "run_mode 'recovr'"),
        ({"name": 5}, "name must be of type str"),
        ({"store": 5}, "store must be of type str or Path"),
        ({"run_id": 7}, "run_id must be of type str"),
        ({"recovery_run": "1"}, "recovery_run must be of type int"),
        ({"store": ":memory:", "shared_db": True}, "shared_db: store ':memory:' is in memory.*give the path of a file"),
        ({"store": "sqlite://", "config": {"shared_db": True}}, "shared_db: store 'sqlite://' is in memory"),
    ],
)
def test_arguments_of_a_wrong_kind_are_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        evr.Eventor(**arguments)


@pytest.mark.parametrize("kind", [evr.Eventor, seq.Sequent])
def test_an_argument_that_is_not_known_is_named(kind: Any) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
        kind(nmae="x")


def test_max_loops_is_a_number() -> None:
    with pytest.raises(ConfigError, match="max_loops"):
        evr.Eventor(store=":memory:").run("1")  # type: ignore[call-overload]


def test_a_shared_store_cannot_become_one_in_memory(tmp_path: Path) -> None:
    ev = evr.Eventor("program", tmp_path / "run.db", shared_db=True)
    with pytest.raises(ConfigError, match="shared_db"):
        ev.run(store=":memory:")
    with pytest.raises(ConfigError, match="shared_db"):
        evr.Eventor("program", ":memory:").configure({"shared_db": True})
