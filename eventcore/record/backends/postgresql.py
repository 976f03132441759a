"""PostgreSQL, through psycopg 3: everything that libpq knows (`.pgpass`, service files, sockets) works in its URLs."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import unquote

from sqlalchemy import ColumnElement, Connection, Dialect, Double, Integer, String, cast, extract, func
from sqlalchemy.engine.interfaces import DBAPICursor

from eventcore.errors import StoreError
from eventcore.record.backend import Work
from eventcore.record.backends.postgresql_turn import commands, send_together
from eventcore.record.server import (
    CONNECT_TIMEOUT,
    FULL,
    IDLE,
    OPTIONS,
    PASSWORD,
    READ_ONLY,
    SILENCE,
    Server,
    first_line,
)
from eventcore.record.statements import Row, Statement

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"

SCHEMA_LOCK = 0x65766E74  #: the number of the advisory lock under which the schema is changed

#: how the states of errors begin that pass: the connection is lost, there are too many, the disk is full, the
#: server starts, ends or only reads (after another one has taken its place), nothing happened in a transaction, a
#: deadlock, a lock that was not to be had in time
PASSING = ("08", "53100", "53300", "57P01", "57P02", "57P03", "57P05", "25006", "25P03", "40", "55P03")

#: what the errors say that have no state, because there is no connection yet, or that are told by more than one
REMEDIES = (
    ("password", f"{PASSWORD}, or in ~/.pgpass"),
    ("database .* does not exist", "create the database, or give the name of another one"),
    ("role .* does not exist", "give the name of a user that the server knows"),
    ("schema has been selected|schema .* does not exist", "create the schema, or correct the user's search path"),
    (r"connection option|bad value for|invalid \w+ value", OPTIONS),
    ("read-only transaction", READ_ONLY),
    ("definition of service", "correct its name, or add it to ~/.pg_service.conf"),
)


REFUSED = (errno.ECONNREFUSED, errno.ENOENT)  #: what a system says where nobody listens


class PostgreSQL(Server):
    """A store in a database of PostgreSQL 12 or later, in the first schema of the user's search path."""

    schemes = ("postgresql", "postgres")
    driver = "postgresql+psycopg"
    module = "psycopg"
    extra = "postgres"
    begin_write = f"{BEGIN}; SET LOCAL idle_in_transaction_session_timeout = '{IDLE}s'"
    begin_read = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

    @property
    def driver_error(self) -> type[Exception]:
        """psycopg's own."""
        import psycopg

        return psycopg.Error

    @classmethod
    def dialect(cls) -> Dialect:
        """With `%s`, in the order of the text."""
        from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

        return PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]

    def explained(self, error: BaseException | None) -> StoreError | None:
        """What the server or the connection to it says."""
        import psycopg

        if not isinstance(error, psycopg.Error) or isinstance(error, psycopg.IntegrityError):
            return None
        said = first_line([error.diag.message_primary, str(error), type(error).__name__])
        if isinstance(error, psycopg.errors.InsufficientPrivilege | psycopg.errors.InvalidAuthorizationSpecification):
            return StoreError(f"store {self.name}: {said}; give the user the rights to this database")
        if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return StoreError(f"store {self.name} is damaged: {said}; restore it from a backup")
        if isinstance(error, psycopg.errors.StringDataRightTruncation | psycopg.errors.ProgramLimitExceeded):
            return StoreError(f"store {self.name}: {said}; shorten names and keys, see `sequent check`")
        if isinstance(error, psycopg.errors.DiskFull):
            return StoreError(f"store {self.name}: {said}; {FULL}")
        for words, remedy in REMEDIES:
            if re.search(words, said):
                return StoreError(f"store {self.name}: {said}; {remedy}")
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return StoreError(f"store {self.name}: {said}; check that the server runs and that this host may reach it")
        if isinstance(error, psycopg.ProgrammingError | psycopg.DataError):
            return None
        return StoreError(f"store {self.name}: {said}; see the log of the server")

    def is_outage(self, error: BaseException | None) -> bool:
        """A lost or refused connection, a server that starts, ends or only reads, a deadlock."""
        import psycopg

        if isinstance(error, psycopg.InterfaceError):
            return True  # the connection is closed
        if not isinstance(error, psycopg.Error):
            return False
        state = error.sqlstate
        return isinstance(error, psycopg.OperationalError) if state is None else state.startswith(PASSING)

    @contextmanager
    def schema_change(self, connection: Connection) -> Iterator[None]:
        """One transaction, under an advisory lock."""
        with self.transaction(connection):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SCHEMA_LOCK})")
            yield

    def write_turn(self, cursor: DBAPICursor, fence: Statement, key: Row, work: Work) -> bool:
        """In one round trip: in one statement, or in several that are sent together."""
        import psycopg

        connection: psycopg.Connection[Any] = cursor.connection
        made = commands(fence, key, work)
        if len(made) == 1:
            ((text, parameters),) = made
            return psycopg.RawCursor(connection).execute(text, parameters, prepare=True).fetchone() == (1,)
        try:
            send_together(connection, [(BEGIN, []), *made, ("COMMIT", [])])
        except BaseException as error:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            if isinstance(error, psycopg.errors.DivisionByZero):
                return False
            raise
        return True

    def lease_clock(self, now: float) -> ColumnElement[float]:
        """By the server's clock."""
        return cast(extract("epoch", func.clock_timestamp()), Double)

    def _started(self) -> ColumnElement[str]:
        return cast(extract("epoch", func.pg_postmaster_start_time()), String)

    def is_away(self, error: BaseException | None) -> bool:
        """A server that refuses connections, at each of its addresses, or that starts or ends."""
        import psycopg

        if not isinstance(error, psycopg.OperationalError):
            return False
        if error.sqlstate is not None:
            return error.sqlstate in ("57P01", "57P02", "57P03")
        failures = [line for line in str(error).splitlines() if "failed:" in line] or [str(error)]
        if all(any(os.strerror(code) in line for code in REFUSED) for line in failures):
            return True
        arguments = self.dialect().create_connect_args(self.url)[1]
        told = psycopg.conninfo.make_conninfo(**{**arguments, "connect_timeout": 1})
        return psycopg.pq.PGconn.ping(told.encode()) == psycopg.pq.Ping.REJECT

    def leading_number(self, text: ColumnElement[str]) -> ColumnElement[int]:
        """A cast of anything else than a number would be an error."""
        return cast(func.substring(text, "^[0-9]{1,9}"), Integer)

    def _arguments(self) -> Mapping[str, Any]:
        given = self.url.query
        wanted: Mapping[str, Any] = {
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "eventcore",
            "keepalives_idle": SILENCE,
            "keepalives_interval": 1,
            "keepalives_count": 3,
            "tcp_user_timeout": SILENCE * 1000,
        }
        host = unquote(self.url.host or "")
        folder = {"host": host} if host.startswith("/") else {}  # of a socket
        return folder | {key: value for key, value in wanted.items() if key not in given}
