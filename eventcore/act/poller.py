"""Looks for news of which nobody tells, from a thread of its own."""

import threading
from collections.abc import Callable


class Poller:
    """Calls `look` every so many seconds until `close`, and `heard` when it says that there is something new."""

    def __init__(self, look: Callable[[], bool], heard: Callable[[], None], seconds: float) -> None:
        self._look = look
        self._heard = heard
        self._seconds = seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eventcore-poller", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking; a look that hangs is not waited for."""
        self._closing.set()
        self._thread.join(self._seconds)

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            try:
                is_new = self._look()
            except Exception:  # it cannot be reached now; whoever must know finds out
                continue
            if is_new and not self._closing.is_set():
                self._heard()
