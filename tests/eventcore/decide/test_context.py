"""What left an engine's memory is read back from its store when something speaks of it again."""

from __future__ import annotations

from pathlib import Path

import pytest

import eventcore as evr
from eventcore.decide.turn import Turn
from tests.support import eventor


@pytest.fixture(autouse=True)
def nothing_quiet_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turn, "QUIET_ITERATIONS", 0)


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return ":memory:" if request.param == "memory" else str(tmp_path / "s.db")


def ticking(program: evr.Eventor, last: int, at_last: evr.Event, sequence: str) -> None:
    """Have an event follow itself for a while, and another come at the end."""
    tick = program.add_event("tick")

    def step() -> None:
        number = int(evr.current().sequence)
        event, at = (tick, str(number + 1)) if number < last else (at_last, sequence)
        evr.current().trigger(event, at)

    program.add_assoc(tick, program.add_step("tick", step))
    program.trigger_event(tick, 10)


def test_an_event_of_long_ago_counts_at_the_sequences_inside_its_own(store: str) -> None:
    ran: list[str] = []
    program = eventor(store)
    first, second = program.add_event("first"), program.add_event("second")
    both = program.add_event("both", (first, second))
    program.add_assoc(both, program.add_step("s", lambda: ran.append(evr.current().sequence)))
    program.trigger_event(first, 1)
    program.trigger_event(second, 1)
    ticking(program, 15, second, "1.2")
    assert program.run()
    assert ran == ["1", "1.2"]


def test_an_event_of_long_ago_does_not_come_twice(store: str) -> None:
    ran: list[str] = []
    program = eventor(store)
    first = program.add_event("first")
    program.add_assoc(first, program.add_step("s", ran.append, ("once",)))
    program.trigger_event(first, 1)
    ticking(program, 15, first, "1")
    assert program.run()
    assert ran == ["once"]
