"""The lease keeper: when it renews, and when it says that a lease may be over; in time that a test lets pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from queue import SimpleQueue
from typing import Any

import pytest

from eventcore.act.clock import Clock, Item
from eventcore.act.keeper import LeaseKeeper, StoreAwayError
from tests.crash.processes import eventually

TERM = 30.0
TAKEN = 1_000.0


class SteppedClock(Clock):
    """A clock of real runs whose time passes when a test says so, and only up to what its one sleeper waits for."""

    def __init__(self) -> None:
        self._now = TAKEN
        self._sleeping: tuple[float | None, SimpleQueue[Any]] | None = None

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now

    def wait(self, inbox: SimpleQueue[Item], until: float | None, *, idle: bool = False) -> Item | None:
        if until is not None and until <= self._now:
            return None if inbox.empty() else inbox.get()
        self._sleeping = until, inbox
        item = inbox.get()
        self._sleeping = None
        return item

    def goes_to(self, *moments: float) -> None:
        """Let the sleeper wait for each of these moments, in seconds since the start, and wake it then."""
        for moment in moments:
            self.sleeps_until(moment)
            self.jumps_to(moment)

    def sleeps_until(self, moment: float) -> None:
        """Wait for the sleeper; it has then said everything before."""
        eventually(lambda: self.awaited == pytest.approx(moment), f"a sleep until {moment}")

    def jumps_to(self, moment: float) -> None:
        """Wake the sleeper at some moment, in seconds since the start."""
        assert self._sleeping is not None
        inbox = self._sleeping[1]
        self._sleeping, self._now = None, TAKEN + moment
        inbox.put(None)

    @property
    def awaited(self) -> float | None:
        """What the sleeper waits for, in seconds since the start."""
        sleeping = self._sleeping
        return None if sleeping is None or sleeping[0] is None else sleeping[0] - TAKEN


class Kept:
    """A keeper, its clock, and what it says: each with the moment, in seconds since the start."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.beats: list[float] = []
        self.said: list[tuple[str, Any]] = []

    def says(self, word: str) -> Callable[[], None]:
        return lambda: self.said.append((word, self.clock.now() - TAKEN))

    @contextmanager
    def by(self, answer: Callable[[], bool], since: float = TAKEN) -> Iterator[None]:
        """Keep the lease, with what comes of each beat."""

        def beat() -> bool:
            self.beats.append(self.clock.now() - TAKEN)
            return answer()

        keeper = LeaseKeeper(self.clock, beat, self.says("lost"), TERM, silent=self.says("silent"),
                             renewed=self.says("renewed"), since=since)  # fmt: skip
        with closing(keeper):
            yield


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_lease_is_renewed_every_third_of_its_term(kept: Kept) -> None:
    with kept.by(lambda: True):
        kept.clock.goes_to(10, 20, 30, 40)
        kept.clock.sleeps_until(50)
    assert (kept.beats, kept.said) == ([10, 20, 30, 40], [])


def test_a_beat_that_fails_is_repeated_soon_and_before_the_term_is_over_the_lease_counts_as_lost(kept: Kept) -> None:
    answers: Iterator[bool] = iter([])
    with kept.by(lambda: next(answers)):
        kept.clock.goes_to(10, 10.2, 10.6, 11.4, 13, 16.2, 21.2, 25)
        eventually(lambda: kept.said, "what it says")
        assert kept.said == [("silent", 25)]
        kept.clock.goes_to(26)
        answers = iter([True])
        kept.clock.goes_to(26.2)
        kept.clock.sleeps_until(36.2)
    assert kept.said == [("silent", 25), ("silent", 26), ("renewed", pytest.approx(26.2))]
    assert kept.beats == [pytest.approx(at) for at in (10, 10.2, 10.6, 11.4, 13, 16.2, 21.2, 26.2)]


def test_a_beat_that_hangs_does_not_keep_the_lease(kept: Kept) -> None:
    goes_on = threading.Event()
    with kept.by(lambda: goes_on.wait(600)):
        kept.clock.goes_to(10, 25, 26, 27)
        kept.clock.sleeps_until(28)
        assert [word for word, _ in kept.said] == ["silent"] * 3
        goes_on.set()
        kept.clock.sleeps_until(37)
    assert kept.beats == [10, 27]
    assert kept.said[3:] == [("renewed", 27)]


def test_a_renewal_counts_from_when_it_was_asked_for(kept: Kept) -> None:
    answers: SimpleQueue[bool] = SimpleQueue()
    with kept.by(answers.get):
        kept.clock.goes_to(10)
        kept.clock.sleeps_until(25)
        kept.clock.jumps_to(12)
        answers.put(True)
        kept.clock.goes_to(20, 35)
        eventually(lambda: kept.said == [("silent", 35)], "what it says")
        answers.put(True)


def test_the_term_counts_from_before_the_lease_was_taken(kept: Kept) -> None:
    goes_on = threading.Event()
    with kept.by(lambda: goes_on.wait(600), since=TAKEN - 8):
        kept.clock.goes_to(2, 17)
        eventually(lambda: kept.said == [("silent", 17)], "what it says")
        goes_on.set()


def test_while_nobody_can_reach_the_store_the_term_does_not_count(kept: Kept) -> None:
    is_away = True

    def beat() -> bool:
        if is_away:
            raise StoreAwayError
        raise OSError

    with kept.by(beat):
        kept.clock.goes_to(10, 10.2, 10.6, 11.4, 13, 16.2, *(21.2 + 5 * n for n in range(20)))
        kept.clock.sleeps_until(121.2)
        assert kept.said == []
        is_away = False
        kept.clock.goes_to(*(121.2 + 5 * n for n in range(4)), 141.2)
        eventually(lambda: kept.said, "what it says")
    assert kept.said == [("silent", pytest.approx(141.2))]


def test_an_engine_that_stood_still_asks_before_it_gives_up(kept: Kept) -> None:
    answers: SimpleQueue[bool] = SimpleQueue()
    with kept.by(answers.get):
        kept.clock.sleeps_until(10)
        kept.clock.jumps_to(3600)
        answers.put(True)
        kept.clock.goes_to(3610)
        kept.clock.sleeps_until(3625)
        kept.clock.jumps_to(7200)
        kept.clock.sleeps_until(7201)
        assert kept.said == []
        kept.clock.goes_to(7201)
        eventually(lambda: kept.said == [("silent", 7201)], "what it says")
        answers.put(False)
        eventually(lambda: kept.said[-1] == ("lost", 7201), "the loss")
