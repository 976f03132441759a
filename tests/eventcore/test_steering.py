"""Steering from Python: every request ends as done, refused with a reason, or taken, on a store of either kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from eventcore.errors import RunNotFoundError, StoreError
from eventcore.record import cleaning, requests
from eventcore.record.reading import reading
from eventcore.record.rows import RunRow
from eventcore.record.store import opened
from eventcore.run.session import Session
from tests.eventcore.gates import Gate, Steered, delayed, outcome, refused, running
from tests.support import eventor, flow, rows, start


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that others can open, and one that only this process has."""
    return ":memory:" if request.param == "memory" else str(tmp_path / "s.db")


def test_a_live_run_is_paused_and_resumed_from_another_thread(store: str) -> None:
    gate, ran = Gate(), list[str]()
    program = flow(store, task_construct="thread")
    first = program.add_step("first", gate.wait)
    program.add_step("second", ran.append, args=("second",), require=((first, seq.STEP_SUCCESS),))
    with running(program, gate) as verdict:
        assert outcome(program.pause()) == ("done", None)
        assert refused(program.pause()) == "the run is already paused"
        gate.opened.set()
        assert outcome(program.resume()) == ("done", None)
        assert refused(program.resume()) == "the run is not paused"
    assert verdict == [True]
    assert ran == ["second"]


def test_events_are_triggered_in_a_live_run_where_the_program_has_them(store: str) -> None:
    gate, ran = Gate(), list[str]()
    program = eventor(store, task_construct="thread")
    more = program.add_event("more")
    program.add_assoc(more, program.add_step("extra", ran.append, args=("extra",)))
    start(program, program.add_step("waits", gate.wait))
    with running(program, gate):
        assert outcome(program.trigger(more, 5)) == ("done", None)
        assert outcome(program.trigger("more")) == ("done", None)
        assert refused(program.trigger("more", 5)) == "event 'more' has already been triggered at 5"
        assert "has no event 'nope'; it has more, start" in refused(program.trigger("nope"))
        assert "is not a sequence" in refused(program.trigger("more", "1..2"))
    assert ran == ["extra", "extra"]


def test_internal_events_cannot_be_triggered(store: str) -> None:
    gate = Gate()
    program = flow(store, task_construct="thread")
    program.add_step("box", loop=[1]).add_step("waits", gate.wait)
    with running(program, gate):
        internal = program.built().starts[0][0]
        assert "is internal" in refused(program.trigger(internal, 9))
    assert "is internal" in refused(program.trigger(internal, 9))
    assert refused(program.trigger("go")) == "the program has no event 'go'; it has none that can be triggered"


def test_a_stopped_run_is_paused_resumed_and_cancelled_once(store: str) -> None:
    program = delayed(store)
    assert refused(program.resume()) == "the run is not paused"
    assert outcome(program.pause()) == ("done", None)
    assert refused(program.pause()) == "the run is already paused"
    assert outcome(program.resume()) == ("done", None)
    assert refused(program.cancel("later")) == "no instance of later is ready or active"
    assert refused(program.cancel("nothing")) == "the program has no step 'nothing'; it has later"
    assert outcome(program.cancel()) == ("done", None)
    for again in (program.cancel, program.pause):
        assert refused(again()) == "the run is already over: cancelled"


def test_what_needs_an_engine_is_taken_in_a_stopped_run_until_one_goes_on_with_it(store: str) -> None:
    ran: list[str] = []
    program = eventor(store)
    more = program.add_event("more")
    program.add_assoc(more, program.add_step("extra", ran.append, args=("extra",)))
    start(program, program.add_step("first", ran.append, args=("first",)))
    program.run()
    answer = program.trigger("more")
    assert outcome(answer) == ("taken", "the engine that continues the run will see it")
    assert outcome(program.trigger("more", 7))[0] == "taken"
    assert ran == ["first"]
    assert program.run()
    assert ran == ["first", "extra", "extra"]
    assert refused(program.trigger("more", 7)) == "event 'more' has already been triggered at 7"
    assert answer.request is not None
    assert program._answer(answer.request).is_done


def test_a_request_from_a_step_in_the_engines_own_thread_does_not_wait_for_itself(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventcore.run.runner.PATIENCE", 3600.0)
    answers: list[evr.Answer] = []
    program = flow(store)
    program.add_step("asks", lambda: answers.append(program.cancel()))
    program.add_step("never", str, require=(("asks", seq.STEP_SUCCESS),))
    program.run()
    assert outcome(answers[0]) == ("taken", "its engine has not answered yet")
    assert answers[0].request is not None
    assert program._answer(answers[0].request).status is not evr.RequestStatus.taken


def test_every_request_is_recorded_with_who_and_when(tmp_path: Path) -> None:
    program = delayed(str(tmp_path / "s.db"))
    before = time.time()
    program.pause()
    program.pause()
    program.trigger("more")
    found = rows(tmp_path / "s.db", "select verb, status, reason, asked_by, asked_at from eventcore_requests")
    assert [row[:3] for row in found] == [
        ("pause", "done", None), ("pause", "refused", "the run is already paused"), ("trigger", "taken", None),
    ]  # fmt: skip
    assert {row[3] for row in found} == {requests.asker()}
    assert all(before <= row[4] <= time.time() for row in found)


def test_a_store_and_run_id_are_enough(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    delayed(str(store)).close()
    run_id = rows(store, "select run_id from {runs}")[0][0]
    for steering in (evr.steer(store), evr.steer(str(store), run_id)):
        assert steering.run_id == run_id
        assert steering.pause().is_done
        assert steering.resume().is_done
    assert str(evr.steer(store).trigger("more")).startswith("taken: ")
    with pytest.raises(RunNotFoundError, match="'other'"):
        evr.steer(store, "other")
    with pytest.raises(StoreError, match="there is no store"):
        evr.steer(tmp_path / "none.db")
    with pytest.raises(StoreError, match="is in memory"):
        evr.steer(":memory:", run_id)


def test_a_run_that_has_been_deleted_meanwhile_is_not_found(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    delayed(str(store)).close()
    steering = evr.steer(store)
    with reading(str(store)) as reader:
        run = reader.run(None, time.time())
    with closing(opened(str(store))) as kept:
        assert cleaning.delete_run(kept, run)
    with pytest.raises(RunNotFoundError, match="deleted"):
        steering.pause()


@pytest.mark.parametrize("ask", [
    lambda p: p.pause(), lambda p: p.resume(), lambda p: p.cancel(), lambda p: p.trigger("x"), lambda p: p.rerun("x"),
])  # fmt: skip
def test_a_program_that_has_not_run_has_nothing_to_steer(store: str, ask: Callable[[Steered], evr.Answer]) -> None:
    program = eventor(store)
    with pytest.raises(RunNotFoundError, match="has not entered a run yet"):
        ask(program)


def test_a_run_that_is_just_beginning_is_waited_for(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, begun, entered = Gate(), threading.Event(), Session._enter

    def slowly(*arguments: Any) -> RunRow:
        begun.set()
        time.sleep(0.3)
        return entered(*arguments)

    monkeypatch.setattr(Session, "_enter", slowly)
    program = eventor(store, task_construct="thread")
    start(program, program.add_step("first", gate.wait))
    thread = threading.Thread(target=program.run)
    thread.start()
    try:
        assert begun.wait(30)
        assert outcome(program.pause()) == ("done", None)
    finally:
        gate.opened.set()
        program.resume()
        thread.join()
