"""Keeps a run's lease alive while its engine is busy, from a thread of its own."""

import threading
from collections.abc import Callable


class LeaseKeeper:
    """Calls `beat` every third of the term until `close`; calls `lost` once when `beat` says that the lease is gone."""

    def __init__(self, beat: Callable[[], bool], lost: Callable[[], None], term: float) -> None:
        self._beat = beat
        self._lost = lost
        self._pause = term / 3
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eventcore-lease", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop beating."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._pause):
            try:
                alive = self._beat()
            except Exception:  # a store that is busy or away for a moment: the next beat tries again
                continue
            if not alive:
                self._lost()
                return
