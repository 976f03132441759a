"""Cancelling runs, containers and instances from Python, on a store of either kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from eventcore.define.answer import RequestStatus
from eventcore.errors import ConfigError
from eventcore.record import requests
from eventcore.record.database import transaction
from eventcore.record.store import opened
from eventcore.run.session import Session
from tests.eventcore.gates import Gate, delayed, outcome, refused, running
from tests.support import boom, eventor, flow, rows, start


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that others can open, and one that only this process has."""
    return ":memory:" if request.param == "memory" else str(tmp_path / "s.db")


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


def test_a_sequence_without_a_path_cancels_nothing(store: str) -> None:
    program = delayed(store)
    with pytest.raises(ConfigError, match="without a path"):
        program.cancel(sequence=1)


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


def test_a_cancel_that_its_engine_has_not_seen_waits_for_the_next_one_where_steps_clean_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, ran = tmp_path / "s.db", list[str]()
    program = flow(store)
    wait = program.add_wait("wait")
    program.add_step("tidy", ran.append, args=("tidy",), require=((wait, seq.STEP_OVER),))
    program.add_step("asks", lambda: evr.steer(store, patience=0.0).cancel() and None)
    with monkeypatch.context() as patched:
        patched.setattr(Session, "_pending", lambda _: [])
        assert program.run(1)
    assert rows(store, "select status from eventcore_requests") == [("taken",)]
    assert not program.run()
    assert rows(store, "select status, reason from eventcore_requests") == [("done", None)]
    assert (ran, program.verdict) == (["tidy"], evr.Verdict.cancelled)


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
