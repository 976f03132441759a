"""Triggers without a sequence get one of their own, whoever makes them and whether an engine is at work or not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.act.observer import RequestTaken
from tests.support import Recorder, eventor, rows, start


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that others can open, and one that only this process has."""
    return ":memory:" if request.param == "memory" else str(tmp_path / "s.db")


class Noting:
    """A program with an event that may be triggered again and again, and the sequences at which that led to a call."""

    def __init__(self, store: str, mode: evr.RunMode = evr.RunMode.restart) -> None:
        self.at: list[str] = []
        self.program = eventor(store, mode)
        self.more = self.program.add_event("more")
        self.program.add_assoc(self.more, self.program.add_step("extra", self._note))
        start(self.program, self.program.add_step("first", str))

    def _note(self) -> None:
        self.at.append(evr.current().sequence)


def test_what_is_triggered_by_request_and_by_the_program_in_a_stopped_run_are_two(store: str) -> None:
    noting = Noting(store)
    noting.program.run()
    noting.program.trigger("more")
    assert noting.program.trigger_event("more") == "3"
    noting.program.trigger("more")
    noting.program.trigger_event("more")
    assert noting.program.run()
    assert len(set(noting.at)) == len(noting.at) == 4


def test_what_is_triggered_by_the_program_and_then_by_request_in_a_stopped_run_are_two(store: str) -> None:
    noting = Noting(store)
    noting.program.run()
    assert noting.program.trigger_event("more") == "2"
    assert noting.program.trigger("more").status is evr.RequestStatus.taken
    noting.program.add_observer(recorder := Recorder(RequestTaken))
    assert noting.program.run()
    assert sorted(noting.at) == ["2", "3"]
    assert [told.argument for told in recorder.of(RequestTaken)] == [{"event": "more", "sequence": "3"}]


def test_two_requests_in_a_stopped_run_are_two(store: str) -> None:
    noting = Noting(store)
    noting.program.run()
    for _ in range(2):
        noting.program.trigger("more")
    assert noting.program.run()
    assert sorted(noting.at) == ["2", "3"]


def test_another_process_that_asked_first_keeps_its_sequence(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    Noting(store).program.run()
    assert not evr.steer(store).trigger("more").is_refused
    later = Noting(store, evr.RunMode.continue_)
    assert later.program.trigger_event("more") == "3"
    assert later.program.run()
    assert sorted(later.at) == ["2", "3"]


def test_a_request_at_a_sequence_that_the_program_takes_meanwhile_moves_on_and_is_recovered_there(
    tmp_path: Path,
) -> None:
    store = str(tmp_path / "s.db")
    noting = Noting(store)
    noting.program.run()
    noting.program.trigger_event("more")
    evr.steer(store).trigger("more")
    assert noting.program.run()
    assert sorted(noting.at) == ["2", "3"]
    again = Noting(store, evr.RunMode.recover)
    again.program.trigger_event("more")
    assert again.program.run()
    assert again.at == []
    query = "select sequence from {tasks} where step = 'extra' and recovery = 1 and status = 'skipped' order by 1"
    assert rows(store, query) == [("2",), ("3",)]


def test_a_program_that_is_run_again_finds_its_own_sequences_again_beside_those_of_its_users(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    for mode in (evr.RunMode.restart, evr.RunMode.recover):
        noting = Noting(store, mode)
        assert noting.program.trigger_event("more") == "2"
        noting.program.run()
        if mode is evr.RunMode.restart:
            evr.steer(store).trigger("more", 4)
            evr.steer(store).trigger("more")
        assert [noting.program.trigger_event("more") for _ in range(2)] == ["3", "4"]
        assert noting.program.run()
    assert noting.at == []


def test_triggers_of_a_live_run_do_not_meet(store: str) -> None:
    begun, go = threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        go.wait(60)

    noting = Noting(store)
    noting.program.configure({"task_construct": "thread"})
    start(noting.program, noting.program.add_step("waits", waits), sequence=9)
    thread = threading.Thread(target=noting.program.run)
    thread.start()
    try:
        assert begun.wait(60)
        assert noting.program.trigger("more").is_done
        made = [noting.program.trigger_event("more") for _ in range(12)]
        assert noting.program.trigger("more").is_done
    finally:
        go.set()
        thread.join(60)
    assert len(set(made)) == 12
    assert len(set(noting.at)) == len(noting.at) == 14
