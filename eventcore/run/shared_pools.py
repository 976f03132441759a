"""Shared pools between two turns: what a turn changed goes to the store, and what that grants into the next turn."""

from __future__ import annotations

from collections.abc import Callable
from threading import Timer

from eventcore.decide.changes import UnitChanges
from eventcore.decide.turn import Turn
from eventcore.record.units import Exchange

LOOK = 1.0  #: seconds between looks at the store while something waits: not everybody who returns units can wake others


class SharedPools:
    """Brings one engine's turns and the store together."""

    def __init__(self, turn: Turn, exchange: Exchange, wake: Callable[[], None]) -> None:
        self._turn = turn
        self._exchange = exchange
        self._wake = wake  #: has the engine take another turn; from any thread
        self._timer: Timer | None = None
        self._is_due = False

    def look_again(self) -> None:
        """Somebody may have returned units, or changed a limit."""
        self._is_due = True

    def settle(self, changes: UnitChanges | None, now: float) -> bool:
        """Record what a turn changed and grant what can be granted; True when another turn is wanted at once."""
        sharing = self._turn.context.state.sharing
        if sharing is None or not (changes or (self._is_due and sharing.claims)):
            return False
        self._is_due = False
        self.close()
        granted, limits = self._exchange(changes or UnitChanges(), now)
        is_wanted = self._turn.granted(granted, limits)
        if sharing.claims:
            self._timer = Timer(LOOK, self._wake)
            self._timer.daemon = True
            self._timer.start()
        return is_wanted

    def close(self) -> None:
        """Look no further."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
