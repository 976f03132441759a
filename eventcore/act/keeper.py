"""Keeps a run's lease alive while its engine is busy, from a thread of its own."""

import threading
from collections.abc import Callable
from queue import SimpleQueue

from eventcore.act.clock import Clock


class LeaseKeeper:
    """Calls `beat` every third of the term until `close`; calls `lost` once when `beat` says that the lease is gone."""

    def __init__(self, clock: Clock, beat: Callable[[], bool], lost: Callable[[], None], term: float) -> None:
        self._clock = clock
        self._beat = beat
        self._lost = lost
        self._pause = term / 3
        self._due = clock.now() + self._pause
        self._closing = False
        self._woken: SimpleQueue[None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="eventcore-lease", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop beating."""
        self._closing = True
        self._woken.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._clock.wait(self._woken, self._due)
            if self._closing:
                return
            if self._clock.now() < self._due:
                continue
            self._due = self._clock.now() + self._pause
            try:
                alive = self._beat()
            except Exception:  # a store that is busy or away for a moment: the next beat tries again
                alive = True
            if not alive:
                self._lost()
                return
