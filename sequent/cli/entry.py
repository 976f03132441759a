"""When a run of this process begins: an observer that hears its id."""

from __future__ import annotations

from collections.abc import Callable

from eventcore.act.observer import Notice, Observer, RunEntered


class EntryObserver(Observer):
    """Calls `entered` with the id of each run that an engine enters."""

    kinds = (RunEntered,)

    def __init__(self, entered: Callable[[str], None]) -> None:
        self._entered = entered

    def notify(self, notice: Notice) -> None:
        """See `Observer`."""
        self._entered(notice.run_id)
