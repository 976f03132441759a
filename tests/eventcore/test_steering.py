"""Steering from Python: every request ends as done, refused with a reason, or taken, on a store of either kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from eventcore.define.answer import RequestStatus
from eventcore.errors import ConfigError, RunNotFoundError, StoreError
from eventcore.record import cleaning, requests
from eventcore.record.database import transaction
from eventcore.record.reading import reading
from eventcore.record.rows import RunRow
from eventcore.record.store import opened
from eventcore.run.session import Session
from tests.support import boom, eventor, flow, rows, start

Steered = evr.Eventor | seq.Sequent


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that others can open, and one that only this process has."""
    return ":memory:" if request.param == "memory" else str(tmp_path / "s.db")


def outcome(answer: evr.Answer) -> tuple[str, str | None]:
    return answer.status.value, answer.reason


def refused(answer: evr.Answer) -> str:
    assert answer.is_refused, answer
    assert answer.reason is not None
    return answer.reason


class Gate:
    """A step that waits in a thread until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.begun.set()
        self.opened.wait(60)


@contextmanager
def running(program: Steered, *gates: Gate) -> Iterator[list[bool]]:
    """Run the program in a thread from when its gates are reached; at the end open them and await its verdict."""
    verdict: list[bool] = []
    thread = threading.Thread(target=lambda: verdict.append(program.run()))
    thread.start()
    try:
        assert all(gate.begun.wait(60) for gate in gates)
        yield verdict
    finally:
        for gate in gates:
            gate.opened.set()
        thread.join(60)
        assert not thread.is_alive()


def delayed(store: str) -> evr.Eventor:
    """A program whose run has stopped before a delay."""
    program = eventor(store)
    begin, later = program.add_event("begin"), program.add_step("later", str)
    program.add_event("more")
    program.add_assoc(begin, later, delay=100_000)
    program.trigger_event(begin, 1)
    program.run(max_loops=1)
    return program


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


def test_a_live_run_is_cancelled_as_a_whole_and_by_instances(store: str) -> None:
    one, other, never = Gate(), Gate(), list[str]()
    program = eventor(store, task_construct="thread", max_concurrent=2)
    done = program.add_event("done")
    program.add_assoc(done, program.add_step("after", never.append, args=("after",)))
    start(program, *(program.add_step(name, gate.wait, triggers={evr.STEP_SUCCESS: (done,)})
                     for name, gate in (("one", one), ("other", other))))  # fmt: skip
    with running(program, one, other) as verdict:
        assert refused(program.cancel("nothing")) == "the program has no step 'nothing'; it has after, one, other"
        assert refused(program.cancel("one", 7)) == "no instance of one@7 is ready or active"
        assert outcome(program.cancel("one", 1)) == ("done", None)
        assert outcome(program.cancel()) == ("done", None)
    assert verdict == [False]
    assert never == []
    assert refused(program.cancel()) == "the run is already over: cancelled"


def test_cancelling_a_run_cancels_the_containers_under_way_and_recovery_does_the_rest(store: str) -> None:
    gate, ran = Gate(), list[str]()
    program = flow(store, task_construct="thread")
    outer = program.add_step("outer", loop=["only"])
    inner = outer.add_step("inner")
    first = inner.add_step("first", gate.wait)
    inner.add_step("second", ran.append, args=("second",), require=((first, seq.STEP_SUCCESS),))
    program.add_step("after", ran.append, args=("after",), require=((outer, seq.STEP_SUCCESS),))
    with running(program, gate) as verdict:
        assert outcome(program.cancel()) == ("done", None)
    assert verdict == [False]
    assert not program.run(run_mode=seq.RUN_CONTINUE)
    assert ran == []
    assert program.run(run_mode=seq.RUN_RECOVER)
    assert ran == ["second", "after"]


def test_a_cancelled_loop_does_not_go_on_after_an_iteration_that_had_failed(store: str) -> None:
    gate, ran = Gate(), list[object]()
    program = flow(store, task_construct="thread", max_concurrent=1, stop_on_exception=False)
    each = program.add_step("each", loop=[1, 2])
    each.add_step("fails", boom)
    each.add_step("waits", gate.wait)
    each.add_step("item", ran.append, args=(each.item,))
    with running(program, gate) as verdict:
        assert outcome(program.cancel("each")) == ("done", None)
    assert verdict == [False]
    assert ran == []


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


def test_a_rerun_of_a_stopped_run_is_carried_out_at_once(store: str) -> None:
    ran: list[str] = []
    program = flow(store)
    a = program.add_step("a", ran.append, args=("a",))
    program.add_step("b", ran.append, args=("b",), require=((a, seq.STEP_SUCCESS),))
    program.run()
    assert outcome(program.rerun("a")) == ("done", None)
    assert ran == ["a", "b", "a"]
    assert program.rerun("a", 1, "downstream").is_done
    assert ran == ["a", "b", "a", "a", "b"]
    assert refused(program.rerun("c")) == "the program has no step 'c'; it has a, b"
    assert "no instance of a@7 to run again" in refused(program.rerun("a", 7))
    with pytest.raises(ConfigError, match="unknown extent 'all'; choose one of also, downstream, only"):
        program.rerun("a", extent="all")  # type: ignore[arg-type]


def test_a_rerun_of_a_raw_step_takes_no_step_along_whose_name_begins_alike(store: str) -> None:
    ran = list[str]()
    program = eventor(store)
    start(program, *(program.add_step(name, ran.append, (name,)) for name in ("load", "load/more", "load#2")))
    assert program.run()
    ran.clear()
    assert outcome(program.rerun("load")) == ("done", None)
    assert ran == ["load"]


def test_a_rerun_of_a_live_run_is_taken_and_a_wrong_one_does_not_hurt_the_run(store: str) -> None:
    gate, ran = Gate(), list[str]()
    program = flow(store, task_construct="thread")
    a = program.add_step("a", ran.append, args=("a",))
    program.add_step("b", gate.wait, require=((a, seq.STEP_SUCCESS),))
    with running(program, gate) as verdict:
        right, wrong = program.rerun("a", 1), program.rerun("a", 7)
        assert outcome(right) == ("taken", "its engine will do it when the run ends")
        assert wrong.status is evr.RequestStatus.taken
        assert refused(program.rerun("c")) == "the program has no step 'c'; it has a, b"
    assert verdict == [True]
    assert ran == ["a", "a"]
    assert right.request is not None
    assert wrong.request is not None
    assert program._answer(right.request).is_done
    assert "no instance of a@7" in refused(program._answer(wrong.request))


def test_a_rerun_that_its_recovery_does_not_come_to_is_refused(store: str) -> None:
    fails: list[str] = []

    def first() -> None:
        if fails:
            raise ValueError("broken by now")

    program = flow(store)
    box = program.add_step("box", first, recovery={seq.STEP_SUCCESS: seq.STEP_RERUN})
    program.add_step("last", str, require=((box, seq.STEP_SUCCESS),))
    program.run()
    fails.append("from now on")
    assert refused(program.rerun("last")) == "recovery 1 ended with failure before it reached last"


def test_a_rerun_that_waits_when_the_run_is_recovered_is_carried_out_after_it(tmp_path: Path) -> None:
    store, ran = tmp_path / "s.db", list[str]()
    program = flow(store)
    program.add_step("a", ran.append, args=("a",))
    program.run()
    answer = evr.steer(store).rerun("a")
    assert answer.status is evr.RequestStatus.taken
    flow_again = flow(store, seq.RUN_RECOVER)
    flow_again.add_step("a", ran.append, args=("a",))
    assert flow_again.run()
    assert ran == ["a", "a"]
    assert rows(store, "select status from eventcore_requests") == [("done",)]


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


def test_a_sequence_without_a_path_cancels_nothing(store: str) -> None:
    program = delayed(store)
    with pytest.raises(ConfigError, match="without a path"):
        program.cancel(sequence=1)


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


@pytest.mark.parametrize("ask", [lambda s: s.pause(), lambda s: s.cancel(), lambda s: s.cancel("only")])
def test_what_an_engine_has_not_seen_when_it_leaves_is_not_left_for_the_next_recovery(
    ask: Callable[[evr.Steering], evr.Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "_pending", lambda _: [])
    store, taken = tmp_path / "s.db", list[evr.Answer]()
    program = flow(store)
    program.add_step("only", lambda: taken.append(ask(evr.steer(store, patience=0.0))))
    assert program.run()
    assert outcome(taken[0]) == ("taken", "its engine has not answered yet")
    assert rows(store, "select status, reason from eventcore_requests") == [
        ("refused", "the run is already over: success")
    ]


@pytest.mark.parametrize("argument", [{}, {"path": "only"}])
def test_what_a_dead_engine_was_asked_to_cancel_is_not_cancelled_in_the_recovery(
    argument: dict[str, object], tmp_path: Path
) -> None:
    store, tries = tmp_path / "s.db", list[int]()

    def fails_at_first() -> None:
        tries.append(1)
        if len(tries) == 1:
            boom()

    program = flow(store)
    program.add_step("only", fails_at_first)
    assert not program.run()
    with closing(opened(str(store))) as found, transaction(found.connection) as connection:
        requests.insert_request(connection, 1, "cancel", argument, RequestStatus.taken, None, 0.0)
    assert program.run(run_mode=seq.RUN_RECOVER)
    assert rows(store, "select status, reason from eventcore_requests") == [
        ("refused", "its engine ended before it could be cancelled, and the run has been recovered since")
    ]


def test_cancelling_a_container_ends_what_runs_in_it_and_nothing_else(store: str) -> None:
    inside, beside, ran = Gate(), Gate(), list[str]()
    program = flow(store, task_construct="thread", max_concurrent=2)
    for name, gate in (("ends", inside), ("goes on", beside)):
        box = program.add_step(name, loop=["only"])
        first = box.add_step("first", gate.wait)
        box.add_step("second", ran.append, args=(name,), require=((first, seq.STEP_SUCCESS),))
    with running(program, inside, beside) as verdict:
        assert outcome(program.cancel("ends")) == ("done", None)
        beside.opened.set()
    assert verdict == [True]
    assert ran == ["goes on"]


def test_a_container_whose_items_are_not_computed_yet_is_cancelled_and_they_never_are(store: str) -> None:
    gate, computed = Gate(), list[str]()

    def items() -> list[int]:
        computed.append("items")
        return [1]

    program = flow(store, task_construct="thread", max_concurrent=1)
    program.add_step("waits", gate.wait)
    box = program.add_step("box", loop=items)
    box.add_step("inner", computed.append, args=("inner",))
    with running(program, gate):
        assert outcome(program.cancel("box")) == ("done", None)
        assert refused(program.cancel("box")) == "no instance of box is ready or active"
    assert computed == []
