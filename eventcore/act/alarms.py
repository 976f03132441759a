"""Calls that are due at some time: one thread keeps them all."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

#: Seconds that the thread sleeps at most: what the system takes as a time to wait has its limits.
LONGEST_SLEEP = 3600.0

#: Dropped calls that may stay in the queue, whatever else is in it.
FEW = 100


class Alarms:
    """Calls functions after some seconds, from a thread that starts with the first of them, until `close`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards all below
        self._numbers = itertools.count(1)
        self._queue: list[tuple[float, int]] = []
        self._calls: dict[int, Callable[[], None]] = {}  #: those that are not cancelled
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def set(self, seconds: float, call: Callable[[], None]) -> int:
        """Have `call` called after so many seconds; returns the number by which it can be cancelled."""
        number, due = next(self._numbers), time.monotonic() + seconds
        with self._changed:
            if not self._is_closed:
                self._calls[number] = call
                heapq.heappush(self._queue, (due, number))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="eventcore-alarms", daemon=True)
                    self._thread.start()
                elif self._queue[0][1] == number:
                    self._changed.notify()
        return number

    def cancel(self, number: int | None) -> None:
        """Drop a call; None and one that was made or dropped before do nothing."""
        if number is not None:
            with self._changed:
                self._calls.pop(number, None)
                if len(self._queue) > 2 * len(self._calls) + FEW:
                    self._queue = [entry for entry in self._queue if entry[1] in self._calls]
                    heapq.heapify(self._queue)

    def close(self) -> None:
        """Drop all calls; nobody waits for one that is being made."""
        with self._changed:
            self._is_closed = True
            self._calls.clear()
            self._changed.notify()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            call()

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next call that is due; None after `close`."""
        with self._changed:
            while not self._is_closed:
                while self._queue and self._queue[0][1] not in self._calls:
                    heapq.heappop(self._queue)
                left = self._queue[0][0] - time.monotonic() if self._queue else LONGEST_SLEEP
                if left <= 0:
                    return self._calls.pop(heapq.heappop(self._queue)[1])
                self._changed.wait(min(left, LONGEST_SLEEP))
            return None
