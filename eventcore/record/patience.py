"""Waiting for a database that is away: restarted, failed over, behind a cut cable, or busy with a deadlock.

What is tried again must be the same whether it took effect the time before or not: a read, a transaction that looks for
its own work first, or a turn, whose number tells.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.exc import DBAPIError

from eventcore.errors import StoreError
from eventcore.record.backend import Backend, backend_at

T = TypeVar("T")

FIRST = 0.05  #: seconds until the next try
LONGEST = 5.0  #: seconds between two tries
SAID_AFTER = 0.5  #: seconds after which people are told: a deadlock is over sooner


class Listener(Protocol):
    """Who is told that a database is away, and that it is back."""

    def went_away(self, reason: str, patience: float) -> None:
        """It cannot be reached; it is waited for so many seconds."""

    def came_back(self, seconds: float) -> None:
        """It can be reached again, after so many seconds."""


class Patience:
    """Tries again, with growing pauses, while the database is away; for `seconds` at most, then it is an error."""

    def __init__(self, backend: Backend, renew: Callable[[], None]) -> None:
        self._backend = backend
        self._renew = renew  #: leaves the connection behind, which may be lost
        self.seconds = 0.0
        self.listener: Listener | None = None

    def tried(self, work: Callable[[bool], T]) -> T:
        """What the work returns; it is told whether it may have taken effect already.

        Raises `StoreError` when the database has been away for too long.
        """
        try:
            return work(False)
        except Exception as error:
            if not self.seconds or not self._backend.is_outage(cause(error)):
                raise
            return self._tried_again(work, error)

    def _tried_again(self, work: Callable[[bool], T], error: Exception) -> T:
        began, pause, is_said = time.monotonic(), FIRST, False
        while True:
            away = time.monotonic() - began
            if away > self.seconds:
                raise self._given_up(error, away) from error
            if away >= SAID_AFTER and not is_said:
                is_said = True
                if self.listener is not None:
                    self.listener.went_away(self._said(error), self.seconds)
            time.sleep(min(pause * random.uniform(0.5, 1.0), max(began + self.seconds - time.monotonic(), 0.01)))
            pause = min(2 * pause, LONGEST)
            try:
                self._renew()
                done = work(True)
            except Exception as again:
                if not self._backend.is_outage(cause(again)):
                    raise
                error = again
                continue
            if is_said and self.listener is not None:
                self.listener.came_back(time.monotonic() - began)
            return done

    def _said(self, error: Exception) -> str:
        explained = error if isinstance(error, StoreError) else self._backend.explained(cause(error))
        return str(explained or error)

    def _given_up(self, error: Exception, away: float) -> StoreError:
        return StoreError(f"{self._said(error)}; it was waited for {away:.0f} s (database_patience)")


def cause(error: BaseException) -> BaseException | None:
    """The driver's own error in one of SQLAlchemy."""
    return error.orig if isinstance(error, DBAPIError) else error


class PatientConnection(Connection):
    """A connection whose reads are tried again while the database is away; a transaction fails as a whole."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        backend = backend_at(self)
        self.patience = Patience(backend, self.renew)
        self._begins = {backend.begin_write, backend.begin_read}
        self._is_within = False  #: whether a transaction has begun and is not over

    def renew(self) -> None:
        """Connect anew at the next statement, whatever the connection is in the middle of."""
        if not self.closed:
            self.invalidate()
            self.rollback()
            self._is_within = False

    def execute(self, *arguments: Any, **options: Any) -> CursorResult[Any]:
        """As `Connection.execute`, for as long as patience lasts."""
        return self._tried(super().execute, *arguments, **options)

    def exec_driver_sql(self, statement: str, *arguments: Any, **options: Any) -> CursorResult[Any]:
        """As `Connection.exec_driver_sql`; the beginning of a transaction is tried again, its end is not."""
        if statement in ("COMMIT", "ROLLBACK"):
            self._is_within = False
            return super().exec_driver_sql(statement, *arguments, **options)
        done = self._tried(super().exec_driver_sql, statement, *arguments, **options)
        self._is_within = self._is_within or statement in self._begins
        return done

    def _tried(self, execute: Callable[..., CursorResult[Any]], *arguments: Any, **options: Any) -> CursorResult[Any]:
        if self.invalidated and not self._is_within:  # while it rolled back
            self.rollback()
        if self._is_within or not self.patience.seconds:
            return execute(*arguments, **options)

        return self.patience.tried(lambda _: execute(*arguments, **options))


def patience_of(connection: Connection) -> Patience:
    """That of a connection; one that cannot be lost needs none."""
    if isinstance(connection, PatientConnection):
        return connection.patience
    return Patience(backend_at(connection), lambda: None)
