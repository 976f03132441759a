"""The clock of real runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

from eventcore.act.clock import Clock, Item
from eventcore.moment import steady


class SystemClock(Clock):
    """Takes UTC from the system when it is created, and counts from there by a steady clock."""

    LONGEST_SLEEP = 60.0  #: seconds between looks at the steady clock: a sleep does not count what the machine sleeps

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()

    def now(self) -> float:
        """See `Clock`."""
        return self._offset + self._steady()

    def wall(self) -> float:
        """See `Clock`."""
        return self._wall()

    def wait(self, inbox: SimpleQueue[Item], until: float | None, *, idle: bool = False) -> Item | None:
        """See `Clock`; `idle` makes no difference here."""
        if until is None:
            return inbox.get()
        while True:
            left = until - self.now()
            try:
                if left <= 0:
                    return inbox.get_nowait()
                return inbox.get(timeout=min(left, self.LONGEST_SLEEP))
            except Empty:
                if left <= 0:
                    return None
