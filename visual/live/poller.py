"""Reads a run repeatedly, as often as that is cheap."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from eventcore.act.clock import Clock
from eventcore.record.reading import Reader, reading
from visual.live.moment import Moment, look

SHARE = 10  #: a look that took a second is followed by ten without one


class Poller:
    """Keeps the last moment of a run: the named one, or the latest when it was first looked for.

    `read` opens a store that cannot be opened by its location, one in memory.
    """

    def __init__(self, location: str, interval: float, clock: Clock, run_id: str | None = None,
                 read: Callable[[str], AbstractContextManager[Reader]] = reading) -> None:  # fmt: skip
        self.location = location
        self._read = read
        self.run_id = run_id
        self.moment: Moment | None = None
        self._interval = interval
        self._clock = clock
        self._due = clock.now()

    @property
    def is_due(self) -> bool:
        """Whether the last look is long enough ago."""
        return self._clock.now() >= self._due

    def look_if_due(self) -> bool:
        """Look where the last look is long enough ago; True where it did."""
        if not self.is_due:
            return False
        self.look()
        return True

    def look(self) -> None:
        """Look now; raises `StoreError`."""
        began = self._clock.now()
        try:
            with self._read(self.location) as reader:
                self.moment = look(reader, self.run_id, self._clock.wall())
            self.run_id = self.moment.run.run_id
        finally:
            ended = self._clock.now()
            self._due = ended + max(self._interval, SHARE * (ended - began))
