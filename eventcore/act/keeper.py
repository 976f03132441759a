"""Keeps a run's lease alive while its engine is busy, from threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

import msgspec

from eventcore.act.clock import Clock

FIRST_PAUSE = 0.2  #: seconds from a beat that failed to the next, and twice as long after each further one
LONGEST_PAUSE = 5.0
CLOSING = 2.0  #: seconds that `close` waits for a beat that is on its way


class StoreAwayError(Exception):
    """Nobody can reach the store now, so nobody can take the run over."""


class _Answer(msgspec.Struct, frozen=True):
    """What came of a beat."""

    sent: float
    is_ours: bool | Exception


class LeaseKeeper:
    """Has the lease renewed every third of its term, and says so in time when that fails.

    - `beat` renews it. It returns False if the lease is gone, and raises `StoreAwayError` if nobody can reach the store
      and other errors if this engine cannot. It may hang: it has a thread of its own.
    - `lost` is called once, when the lease is gone.
    - `silent` is called when the term since the last renewal is about to be over, again and again until the lease has
      been renewed: another engine may have the run then.
    - `renewed` is called when the lease was renewed after that.

    `since` is when the lease was taken, by the clock; a renewal counts from the moment at which it was asked for. Time
    in which nobody can reach the store does not count.
    """

    def __init__(self, clock: Clock, beat: Callable[[], bool], lost: Callable[[], None], term: float,
                 *, silent: Callable[[], None] = lambda: None, renewed: Callable[[], None] = lambda: None,
                 since: float | None = None) -> None:  # fmt: skip
        self._clock = clock
        self._beat = beat
        self._lost = lost
        self._silent = silent
        self._renewed = renewed
        self._pause = term / 3
        self._sure_for = term - margin_of(term)
        self._patience = patience_of(term)
        self._renewed_at = clock.now() if since is None else since
        self._due = self._renewed_at + self._pause  #: when the next beat is to be sent, if none is on its way
        self._is_sent = False
        self._tried_at: float | None = None  #: when the first beat since the last renewal was sent
        self._failures = 0
        self._says_silent_at: float | None = None  #: the next time, while the lease may be over
        self._closing = False
        self._inbox: SimpleQueue[_Answer | None] = SimpleQueue()
        self._to_send: SimpleQueue[float | None] = SimpleQueue()
        self._beater: threading.Thread | None = None  #: from the first beat on, which short runs do not come to
        self._thread = threading.Thread(target=self._run, name="eventcore-lease", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop beating."""
        self._closing = True
        self._inbox.put(None)
        self._thread.join()
        if self._beater is not None:
            self._to_send.put(None)
            self._beater.join(CLOSING)

    def _run(self) -> None:
        while not self._closing:
            until = self._next()
            answer = self._clock.wait(self._inbox, until)
            if self._closing:
                return
            now = self._clock.now()
            if until is not None and now - until > self._patience:  # process or machine stood still
                self._tried_at = None if self._tried_at is None else now
            if answer is not None and not self._hear(answer, now):
                self._lost()
                return
            if not self._is_sent and now >= self._due:
                self._send(now)
            limit = self._limit()
            if limit is not None and now >= limit:
                self._says_silent_at = now + self._patience
                self._silent()

    def _next(self) -> float | None:
        """When there is something to do, unless an answer comes before."""
        moments = [moment for moment in (None if self._is_sent else self._due, self._limit()) if moment is not None]
        return min(moments, default=None)

    def _limit(self) -> float | None:
        """When it is to be said that the lease may be over; None while that cannot be told, and in simulated time."""
        if self._tried_at is None or self._clock.is_simulated:
            return None
        if self._says_silent_at is not None:
            return self._says_silent_at
        return max(self._renewed_at + self._sure_for, self._tried_at + self._patience)

    def _hear(self, answer: _Answer, now: float) -> bool:
        """Take in what came of a beat; False where the lease is gone."""
        self._is_sent = False
        if answer.is_ours is True:
            self._renewed_at, self._due = answer.sent, answer.sent + self._pause
            self._tried_at, self._failures = None, 0
            if self._says_silent_at is not None and now < answer.sent + self._sure_for:
                self._says_silent_at = None
                self._renewed()
        elif answer.is_ours is not False:
            if isinstance(answer.is_ours, StoreAwayError):
                self._renewed_at = max(self._renewed_at, answer.sent)
            self._due = now + min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE, self._sure_for / 4)
            self._failures = min(self._failures + 1, 10)
        return answer.is_ours is not False

    def _send(self, now: float) -> None:
        if self._beater is None:
            self._beater = threading.Thread(target=self._beats, name="eventcore-heartbeat", daemon=True)
            self._beater.start()
        if self._tried_at is None:
            self._tried_at = now
        self._is_sent = True
        self._to_send.put(now)

    def _beats(self) -> None:
        while (sent := self._to_send.get()) is not None:
            try:
                answer = _Answer(sent, self._beat())
            except Exception as error:
                answer = _Answer(sent, error)
            self._inbox.put(answer)


def patience_of(term: float) -> float:
    """How long a beat may take, in seconds, where it begins late, or before somebody who can tell gives it up."""
    return min(1.0, margin_of(term) / 2)


def margin_of(term: float) -> float:
    """How long before the end of its term a lease that was not renewed counts as over: what ending workers may take."""
    return max(term / 6, min(1.0, term / 3))
