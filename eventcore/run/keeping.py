"""What goes on around an engine while it has a run: its lease is renewed, and requests from other hosts are found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

from sqlalchemy.exc import DBAPIError

from eventcore.act.clock import Clock
from eventcore.act.executors.collection import Executors
from eventcore.act.keeper import LeaseKeeper, StoreAwayError, patience_of
from eventcore.act.poller import Poller
from eventcore.record import lease
from eventcore.record.rows import RunRow
from eventcore.record.store import Store
from eventcore.run.waiting import Asked, Happening, Lost, Renewed, Silenced

log = logging.getLogger("eventcore")

POLL = 0.5  #: seconds between two looks for requests of other hosts, which cannot wake this one


class Keeping:
    """Renews the lease of a run while its engine works; `post` tells the engine what happens, from other threads.

    Where the lease cannot be renewed, the engine's workers are ended before its term is over: another engine may take
    the run then, and runs the same steps.
    """

    def __init__(self, store: Store, row: RunRow, holder: lease.Holder, clock: Clock, executors: Executors,
                 post: Callable[[Happening], None]) -> None:  # fmt: skip
        self._store = store
        self._row = row
        self._holder = holder
        self._clock = clock
        self._executors = executors
        self._post = post
        self._known: set[int] = set()  #: requests that the engine was told of
        self._is_silent = False

    @contextmanager
    def during(self, term: float, since: float) -> Iterator[None]:
        """Keep the lease meanwhile, which was taken after `since`; who has a store alone has nobody to keep it from."""
        backend, beat = self._store.backend, partial(self._beat, patience_of(term))
        with ExitStack() as kept:
            if backend.is_shared:
                keeper = LeaseKeeper(
                    self._clock, beat, self._lost, term, silent=self._silent, renewed=self._renewed, since=since
                )
                kept.enter_context(closing(keeper))
            if backend.is_remote:
                kept.enter_context(closing(Poller(self._is_asked, lambda: self._post(Asked()), POLL)))
            yield

    def _beat(self, patience: float) -> bool:
        """Renew the lease; requests of which nobody told this engine are found on the way."""
        self._post(Asked())
        try:
            return self._store.beat(self._row, self._holder, self._clock.wall(), patience)
        except DBAPIError as error:
            if self._store.backend.is_away(error.orig):
                raise StoreAwayError from error
            raise

    def _is_asked(self) -> bool:
        found = self._store.asked(self._row)
        is_new, self._known = not found <= self._known, found
        return is_new

    def _lost(self) -> None:
        self._post(Lost())
        self._executors.hand_back()

    def _silent(self) -> None:
        if not self._is_silent:
            log.warning("The lease of run %r could not be renewed, and another engine may take it over: running steps "
                        "are ended, and begin again when it can", self._row.run_id)  # fmt: skip
            self._is_silent = True
            self._post(Silenced())
        self._executors.hand_back()

    def _renewed(self) -> None:
        log.warning("The lease of run %r is renewed", self._row.run_id)
        self._is_silent = False
        self._post(Renewed())
