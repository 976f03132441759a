"""Tells the observers of a run that its database is away, and that it is back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eventcore.act.announcer import Announcer
from eventcore.act.clock import Clock
from eventcore.act.observer import Observer, StoreCameBack, StoreWentAway
from eventcore.record.patience import Listener


class Outages(Listener):
    """Hears of outages while a run is entered, worked on and left."""

    def __init__(self, observers: Sequence[Observer], clock: Clock, run_id: Callable[[], str]) -> None:
        self._observers = observers
        self._clock = clock
        self._run_id = run_id

    def went_away(self, reason: str, patience: float) -> None:
        """Say so."""
        Announcer(self._observers, self._run_id()).tell(StoreWentAway, self._clock.now(), reason, patience)

    def came_back(self, seconds: float) -> None:
        """Say so."""
        Announcer(self._observers, self._run_id()).tell(StoreCameBack, self._clock.now(), seconds)
