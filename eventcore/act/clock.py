"""Time for an engine: UTC that does not jump while it runs."""

import time


class Clock:
    """Starts from the wall clock and goes on by the monotonic one, so a wall clock that is set moves nothing."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """UTC in seconds since 1970."""
        return self._offset + time.monotonic()
