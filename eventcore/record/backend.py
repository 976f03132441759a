"""What a database must do to keep runs: the contract of a backend.

A new database is a new file in `eventcore/record/backends` with a subclass of `Backend`; nothing else changes, and
`tests/eventcore/record/test_backend_contract.py` says whether it keeps the contract. Everything above a backend speaks
SQLAlchemy Core; what differs between databases is asked of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from sqlalchemy import ColumnElement, Connection, Dialect, Double, Engine, Integer, cast, literal, select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from eventcore.define.passwords import shown
from eventcore.define.values import Content
from eventcore.errors import StoreError
from eventcore.record.statements import Row, Statement

Work = Iterable[tuple[Statement, Iterable[Row]]]

BACKEND = "eventcore_backend"  #: the execution option under which a connection carries its backend


class Backend(ABC):
    """One store at a location. Making it touches nothing; `open` does.

    Threads may share a backend. The connections of the engine that `open` returns are in autocommit, so that a read
    leaves no transaction behind; who writes uses `transaction`.
    """

    #: the URL schemes that it serves, without the driver: `postgresql`, not `postgresql+psycopg`
    schemes: ClassVar[tuple[str, ...]]

    #: whether others can open the same store: readers beside an engine, users with requests, rivals for a run. Only
    #: then does a lease need keeping. Where it is False, the store is gone when its engine is disposed of.
    is_shared: ClassVar[bool]

    #: whether engines of several hosts reach it, over a network. The fence of a turn is then an update that counts the
    #: run's turns: it locks the row, so that nobody takes the run over before the commit, and the number tells whether
    #: a commit took effect whose answer was lost. Where a write transaction keeps all others out, looking is cheaper
    is_remote: ClassVar[bool] = False

    #: what ends the statement that makes a table
    table_options: ClassVar[str] = ""

    #: begins a transaction that will write. It must not fail later because another one wrote meanwhile: it takes the
    #: lock at once, or rows are locked by the `SELECT ... FOR UPDATE` that precedes each change of a lease
    begin_write: ClassVar[str]

    #: begins a transaction in which all reads show one moment, and which keeps no writer waiting
    begin_read: ClassVar[str]

    def __init__(self, location: str) -> None:
        """Raise `StoreError` for a location that cannot be one of this backend's.

        The location may have a password in it: connect with it, and say `name`.
        """
        self.location = location

    @property
    def name(self) -> str:
        """How messages name the store; never with a password in it."""
        return shown(self.location)

    @property
    def file(self) -> Path | None:
        """The file that holds the store, where it is one: logs may be put beside it. Never open it yourself."""
        return None

    # opening

    @abstractmethod
    def open(self, durability: str, *, create: bool) -> Engine:
        """Connect, with the settings that the durability (`full` or `normal`) takes; the schema is not its concern.

        Raises `StoreError` for a place that is not there or may not be used and, without `create`, for a store that is
        not there. Other errors of the driver may pass: the caller has them `reported`.
        """

    def stamp(self) -> object:
        """Something that differs when the store was changed, found out without opening it; None where it cannot be."""
        return None

    @classmethod
    @abstractmethod
    def dialect(cls) -> Dialect:
        """The dialect, with positional parameters, that the statements of turns are rendered in."""

    def is_made(self, connection: Connection) -> bool:
        """Whether what has been opened is somebody's store, or in the making, and not just a place for one."""
        return True

    # errors

    @property
    @abstractmethod
    def driver_error(self) -> type[Exception]:
        """The base of the driver's errors."""

    @abstractmethod
    def explained(self, error: BaseException | None) -> StoreError | None:
        """The error of the driver as one that names the store and the remedy; None for what is a defect of the code."""

    def is_outage(self, error: BaseException | None) -> bool:
        """Whether the error of the driver passes: the database is away for a while, or wants the work done again."""
        return False

    def defect(self, connection: Connection) -> str | None:
        """What the database finds wrong with the store, in words; None where it finds nothing, or cannot look."""
        return None

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Have the driver's errors that come through SQLAlchemy raised as `StoreError`s."""
        try:
            yield
        except DBAPIError as error:
            explained = self.explained(error.orig)
            if explained is None:
                raise
            raise explained from error

    # transactions

    @contextmanager
    def transaction(self, connection: Connection) -> Iterator[Connection]:
        """One write transaction: all of the block, or nothing."""
        if connection.invalidated:  # by Ctrl-C in the middle of a statement: it connects anew
            connection.rollback()
        try:
            connection.exec_driver_sql(self.begin_write)
            yield connection
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            with suppress(DBAPIError, InvalidRequestError):  # it rolled back by itself, or the connection is gone
                connection.exec_driver_sql("ROLLBACK")
            raise

    @contextmanager
    def schema_change(self, connection: Connection) -> Iterator[None]:
        """Let one process at a time make or upgrade the schema.

        Where the database commits each change of the schema by itself, a killed upgrade is begun again; the version is
        written last.
        """
        with self.transaction(connection):
            yield

    def write_turn(self, cursor: DBAPICursor, fence: Statement, key: Row, work: Work) -> bool:
        """Commit a turn where the fence, run with the key, finds its row; False, with nothing written, where not.

        The key is the run, the holder's token and the number of the turn. A database that is a network away does this
        in one round trip.
        """
        try:
            cursor.execute(self.begin_write)
            fence.run(cursor, [key])
            is_ours = cursor.rowcount == 1 if self.is_remote else cursor.fetchone() is not None
            if is_ours:
                for statement, rows in work:
                    statement.run(cursor, rows)
            cursor.execute("COMMIT" if is_ours else "ROLLBACK")
        except BaseException:
            with suppress(self.driver_error):  # the database has rolled back by itself
                cursor.execute("ROLLBACK")
            raise
        return is_ours

    # leases

    def lease_clock(self, now: float) -> ColumnElement[float]:
        """The time, UTC in seconds, that leases are written and judged by, for use in statements.

        `now` is that of this host. A database that several hosts reach gives its own clock. A holder on this host is
        known to be dead by its process all the same, see `eventcore.record.lease`.
        """
        return literal(now, Double())

    def awake_since(self, now: float) -> ColumnElement[float]:
        """From when on engines could renew their leases, by `lease_clock`, for use in statements.

        Silence from before does not count: the database was away.
        """
        return literal(0.0, Double())

    def note_start(self, connection: Connection) -> None:  # noqa: B027  where a database is never away
        """Note from when on `awake_since` counts, unless somebody has done so; not within a transaction."""

    def lease_times(self, connection: Connection, now: float) -> tuple[float, float]:
        """The time of `lease_clock` now, and `awake_since`."""
        if not self.is_remote:
            return now, 0.0
        moment, since = connection.execute(select(self.lease_clock(now), self.awake_since(now))).one()
        return float(moment), float(since)

    def limit_waiting(self, connection: Connection, seconds: float) -> None:  # noqa: B027  where nothing waits so long
        """Have statements of this connection fail that wait longer for other writers, as `is_away` knows."""

    def is_away(self, error: BaseException | None) -> bool:
        """Whether the error of the driver says that nobody can write now, so that nobody can take a run over.

        Steps then go on while the lease cannot be renewed. True only where an engine that comes back has its whole term
        to renew it: `held` counts silence from the moment at which the database was there again.
        """
        return False

    def leading_number(self, text: ColumnElement[str]) -> ColumnElement[int]:
        """The number of at most nine digits that a text begins with; something else, or nothing, where it has none."""
        return cast(text, Integer)

    # large results

    def keep_result(self, run_id: str, text: str) -> str | None:
        """Put a large result where it outlives a crash before its turn is committed; returns the name of it there.

        Each call puts it elsewhere, since the run may be another engine's by now. None: the backend keeps results of
        all sizes in their rows. Raises `StoreError` where the result cannot be kept; its step then fails, and the run
        goes on.
        """
        return None

    def kept_result(self, run_id: str, name: str) -> str:
        """The large result that `keep_result` named so; raises `StoreError` where it cannot be read."""
        raise NotImplementedError(f"{type(self).__name__} keeps results in their rows")

    @abstractmethod
    def keep_file(self, run_id: str, name: str, content: bytes) -> None:
        """Put a file that a result speaks of where it outlives a crash before its turn is committed.

        The name tells the content: a file that is there already is the same. Raises `StoreError` like `keep_result`.
        """

    @abstractmethod
    def kept_file(self, run_id: str, name: str) -> Content:
        """The content of a file that `keep_file` kept, or a path to read it from.

        Raises `StoreError` where it is gone; a path may lead to nothing.
        """

    def drop_results(self, run_id: str) -> None:
        """Remove all large results and files of a run, also those that no turn speaks of."""
        return


def backend_at(place: Connection | Engine) -> Backend:
    """The backend of an open store, by its engine or a connection."""
    backend = place.get_execution_options()[BACKEND]
    assert isinstance(backend, Backend)
    return backend
