"""A clock for tests and simulation: time passes only when nothing else does."""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import Any, ClassVar

from eventcore.act.clock import Clock, Item


class VirtualClock(Clock):
    """Jumps to the next due moment when an engine is idle, so a day of delays and retries passes in milliseconds.

    While steps run in workers, time stands still, unless somebody calls `advance`. The timeouts of steps are not
    simulated: workers are real.
    """

    is_simulated: ClassVar[bool] = True

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start
        self._lock = threading.Lock()
        self._sleepers: dict[int, tuple[float, SimpleQueue[Any]]] = {}
        self._count = 0

    def now(self) -> float:
        """See `Clock`."""
        return self._now

    def wall(self) -> float:
        """The simulated time; it is never set."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, in seconds, and wake whoever waits for it."""
        self._go_to(self._now + seconds)

    def wait(self, inbox: SimpleQueue[Item], until: float | None, *, idle: bool = False) -> Item | None:
        """See `Clock`; a thread that is not `idle` waits until another lets the time pass."""
        if until is None:
            return inbox.get()
        if not idle and (sleeper := self._sleeping(until, inbox)) is not None:
            try:
                return inbox.get()
            finally:
                with self._lock:
                    self._sleepers.pop(sleeper, None)
        try:
            return inbox.get_nowait()
        except Empty:
            self._go_to(until)
            return None

    def _sleeping(self, until: float, inbox: SimpleQueue[Any]) -> int | None:
        """Note who waits; None where it is time already."""
        with self._lock:
            if until <= self._now:
                return None
            self._count += 1
            self._sleepers[self._count] = until, inbox
            return self._count

    def _go_to(self, moment: float) -> None:
        with self._lock:
            self._now = max(self._now, moment)
            due = [sleeper for sleeper, (until, _) in self._sleepers.items() if until <= self._now]
            for sleeper in due:
                self._sleepers.pop(sleeper)[1].put(None)
