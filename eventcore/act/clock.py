"""Time for an engine: UTC that does not jump while it runs."""

import sys
import time


class Clock:
    """Starts from the wall clock and goes on by one that nobody sets and that counts the machine's sleep, too."""

    def __init__(self) -> None:
        self._offset = time.time() - _steady()

    def now(self) -> float:
        """UTC in seconds since 1970."""
        return self._offset + _steady()


def _steady() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()
