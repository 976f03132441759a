"""What users triggered in a run comes again when the run is recovered, as its start does."""

from __future__ import annotations

from pathlib import Path

import pytest

import eventcore as evr
from eventcore.run.rehearsal import rehearse
from tests.support import boom, eventor, start


class Program:
    """A step that runs when the program starts, and one that runs when a user asks for it."""

    def __init__(self, store: Path, mode: evr.RunMode, *, fails: bool = False, has_event: bool = True) -> None:
        self.ran: list[str] = []
        self.runner = eventor(store, mode)
        start(self.runner, self.runner.add_step("first", self.ran.append, ("first",)))
        if has_event:
            more = self.runner.add_event("more")
            extra = self.runner.add_step("extra", boom if fails else self._noted)
            self.runner.add_assoc(more, extra)

    def _noted(self) -> None:
        self.ran.append(f"extra@{evr.current().sequence}")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a run in which a user triggered an event, whose step failed."""
    file = tmp_path / "run.db"
    made = Program(file, evr.RUN_RESTART)
    assert made.runner.run()
    assert made.runner.trigger("more", 7).status is evr.RequestStatus.taken
    assert not Program(file, evr.RUN_CONTINUE, fails=True).runner.run()
    return file


def test_a_recovery_reaches_again_what_a_user_triggered(store: Path) -> None:
    made = Program(store, evr.RUN_RECOVER)
    assert rehearse(made.runner).steps["extra"].again == [("7", evr.TaskStatus.failure)]
    assert made.runner.run()
    assert made.ran == ["extra@7"]


def test_what_a_user_triggered_can_be_rerun(store: Path) -> None:
    made = Program(store, evr.RUN_RECOVER)
    assert made.runner.run()
    assert made.runner.rerun("extra", 7).is_done
    assert made.ran == ["extra@7", "extra@7"]


def test_what_was_triggered_after_the_recovery_that_counts_is_forgotten(store: Path) -> None:
    made = Program(store, evr.RUN_RECOVER)
    assert made.runner.run()
    assert made.runner.trigger("more", 8).status is evr.RequestStatus.taken
    assert made.runner.run()
    assert made.ran == ["extra@7", "extra@8"]
    again = Program(store, evr.RUN_RECOVER)
    assert again.runner.run(recovery_run=0)
    assert again.ran == ["extra@7"]


def test_an_event_that_the_program_no_longer_has_is_left_out(store: Path) -> None:
    made = Program(store, evr.RUN_RECOVER, has_event=False)
    assert made.runner.run(accept_removed=True)
    assert made.ran == []
