"""MariaDB, through PyMySQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from ssl import SSLContext
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Double, String, literal_column
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.util import asbool

from eventcore.errors import StoreError
from eventcore.record.backend import Work
from eventcore.record.backends.mariadb_turn import LOST, block
from eventcore.record.server import (
    CONNECT_TIMEOUT,
    FULL,
    IDLE,
    OPTIONS,
    PASSWORD,
    READ_ONLY,
    Server,
    first_line,
    watched_socket,
)
from eventcore.record.stages import staged
from eventcore.record.statements import Row, Statement

OLDEST = (10, 6)  #: the oldest version that has all that is needed, such as SKIP LOCKED
LOCK_TIMEOUT = 60  #: seconds to wait for another writer
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
UNVERIFIED = {"verify_mode": "none"}  #: TLS with whatever certificate the server has

TOO_LONG = {1406, 1071}  #: codes of errors: a value is too long for its column, or for a key
TOO_LARGE = {1153}
WRONG_PASSWORD = 1045
FORBIDDEN = {1044, 1142, 1227, 1698}
DISK_FULL = {1021, 1114}
ONLY_READ = {1290, 1792, 1836}
NOT_THERE = {1049, 1146, 1054}

#: codes of errors that pass: the connection is lost or refused, there are too many, the server ends or only reads, its
#: disk is full, a deadlock, a lock that was not to be had in time
PASSING = {1021, 1040, 1053, 1077, 1079, 1114, 1152, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1290, 1792,
           1836, 1927, 2002, 2003, 2006, 2013, 2014, 2045, 2055, 4031}  # fmt: skip


class MariaDB(Server):
    """A store in a database of MariaDB 10.6 or later."""

    schemes = ("mysql", "mariadb")
    driver = "mysql+pymysql"
    module = "pymysql"
    extra = "mariadb"
    table_options = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
    begin_write = f"SET SESSION idle_transaction_timeout = {IDLE}; START TRANSACTION"
    begin_read = (
        "SET SESSION idle_transaction_timeout = 0; "
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; START TRANSACTION WITH CONSISTENT SNAPSHOT"
    )

    _longest = 0  #: bytes of a turn that is sent as one statement

    @property
    def driver_error(self) -> type[Exception]:
        """PyMySQL's own."""
        import pymysql

        return pymysql.err.Error

    @classmethod
    def dialect(cls) -> Dialect:
        """With `%s`, in the order of the text."""
        from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql

        return MySQLDialect_pymysql(paramstyle="format")

    def explained(self, error: BaseException | None) -> StoreError | None:
        """What the server or the connection to it says."""
        import pymysql

        if not isinstance(error, pymysql.err.Error) or isinstance(error, pymysql.err.IntegrityError):
            return None
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = first_line([*(str(text) for text in error.args[1:]), str(error), type(error).__name__])
        if code == WRONG_PASSWORD:
            return StoreError(f"store {self.name}: {said}; {PASSWORD}, or in the file of ?read_default_file=FILE")
        if code in FORBIDDEN:
            return StoreError(f"store {self.name}: {said}; give the user the rights to this database")
        if code == 1049:
            return StoreError(f"store {self.name}: {said}; create the database, or give the name of another one")
        if code in NOT_THERE:
            return StoreError(f"store {self.name} is damaged: {said}; restore it from a backup")
        if code in DISK_FULL:
            return StoreError(f"store {self.name}: {said}; {FULL}")
        if code in ONLY_READ:
            return StoreError(f"store {self.name}: {said}; {READ_ONLY}")
        if code in TOO_LONG:
            return StoreError(f"store {self.name}: {said}; shorten names and keys, see `sequent check`")
        if code in TOO_LARGE:
            return StoreError(f"store {self.name}: {said}; raise the server's max_allowed_packet")
        if isinstance(error, pymysql.err.OperationalError | pymysql.err.InterfaceError | pymysql.err.InternalError):
            return StoreError(f"store {self.name}: {said}; check that the server runs and that this host may reach it")
        return None

    def is_outage(self, error: BaseException | None) -> bool:
        """A lost or refused connection, a server that ends or only reads, a deadlock."""
        import pymysql

        if not isinstance(error, pymysql.err.Error):
            return False
        code = error.args[0] if error.args else None
        return code in PASSING or (isinstance(error, pymysql.err.InterfaceError) and code == 0)

    @contextmanager
    def schema_change(self, connection: Connection) -> Iterator[None]:
        """Under a lock of its name: each change of the schema is a commit here, so that a killed one is begun again."""
        name = "concat('eventcore ', left(sha2(database(), 256), 40))"
        if not connection.exec_driver_sql(f"SELECT get_lock({name}, {LOCK_TIMEOUT})").scalar():
            raise StoreError(f"store {self.name}: another program is making or upgrading the store; try again later")
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SELECT release_lock({name})")

    def write_turn(self, cursor: DBAPICursor, fence: Statement, key: Row, work: Work) -> bool:
        """In one round trip: in one block, unless the server would not take a statement of that size."""
        import pymysql

        batches = [batch for stage in staged(work) for batch in stage.items()]
        text = block(cursor, fence, key, batches, self._longest)
        if text is None:
            return super().write_turn(cursor, fence, key, batches)
        try:
            cursor.execute(text)
        except pymysql.err.OperationalError as error:
            if error.args[0] != LOST:
                raise
            return False
        return True

    def lease_clock(self, now: float) -> ColumnElement[float]:
        """By the server's clock, in UTC: in the hour that a change of clocks doubles, its local time is ambiguous."""
        return literal_column("timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6)) / 1e6", Double())

    def _started(self) -> ColumnElement[str]:
        up = "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'UPTIME'"
        return literal_column(f"cast(unix_timestamp() - ({up}) AS CHAR)", String())

    def is_away(self, error: BaseException | None) -> bool:
        """A server that refuses connections, or that ends."""
        import pymysql

        if not isinstance(error, pymysql.err.Error):
            return False
        told = getattr(error, "original_exception", None) or error.__cause__
        return isinstance(told, ConnectionRefusedError | FileNotFoundError) or error.args[:1] == (1053,)

    def _arguments(self) -> Mapping[str, Any]:
        from pymysql.constants import CLIENT

        ours = {"charset": "utf8mb4", "client_flag": CLIENT.MULTI_STATEMENTS | CLIENT.FOUND_ROWS}
        return ours if "connect_timeout" in self.url.query else {**ours, "connect_timeout": CONNECT_TIMEOUT}

    def _connect(self, arguments: Mapping[str, Any]) -> Any:
        import pymysql

        try:
            connection = _unconnected(dict(arguments))
        except (TypeError, ValueError, NotImplementedError, OSError) as error:
            told = str(error).removeprefix("Connection.__init__() ")
            raise StoreError(f"store {self.name}: {told}; {OPTIONS}") from error
        if connection.unix_socket:
            connection.connect()
        else:
            try:
                made = watched_socket(connection.host, connection.port)
            except OSError as error:
                told = f"cannot connect to {connection.host}:{connection.port} ({error})"
                raise pymysql.err.OperationalError(2003, told) from error
            connection.connect(made)
        return connection

    def _configure(self, connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT version(), @@max_allowed_packet, database()")
        said, packet, database = cursor.fetchone()
        if "mariadb" not in said.lower():
            raise StoreError(f"store {self.name}: the server is MySQL {said}, but runs can be kept in MariaDB only")
        version = tuple(int(part) for part in said.partition("-")[0].split(".")[:2])
        if version < OLDEST:
            raise StoreError(f"store {self.name}: the server is MariaDB {said}; use MariaDB 10.6 or later")
        if database is None:
            raise StoreError(f"store {self.name}: the URL names no database; write mariadb://user@host/database")
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT}, sql_mode = 'STRICT_ALL_TABLES'")
        cursor.close()
        self._longest = packet // 2


def _unconnected(arguments: dict[str, Any]) -> Any:
    """The driver's connection, before it connects. TLS is as the URL says (`ssl=true`, `ssl=false`, `ssl_ca=...`).

    Where it says nothing, a server on this machine is spoken to without TLS, any other with it if it knows how to.
    """
    from pymysql.connections import Connection

    tls = arguments.pop("ssl", {})  # SQLAlchemy gathers `ssl_ca` and the like in a mapping
    if isinstance(tls, str):
        tls = UNVERIFIED if asbool(tls) else None
    if "password" in arguments:
        arguments["password"] = arguments["password"].encode()  # the driver would take Latin-1
    is_refused = asbool(arguments.pop("ssl_disabled", tls is None))
    if tls and not is_refused:
        return Connection(**arguments, ssl=_context(**tls), defer_connect=True)
    if "read_default_file" in arguments and not is_refused:
        return Connection(**arguments, defer_connect=True)  # which may say how
    connection: Any = Connection(**arguments, ssl_disabled=True, defer_connect=True)
    if not is_refused and not connection.unix_socket and connection.host not in LOOPBACK:
        connection.ssl, connection.ctx = True, _context()
    return connection


@cache
def _context(**options: Any) -> SSLContext:
    """The driver's, shared: it takes 30 ms to load the certificates of all authorities."""
    from pymysql.connections import Connection

    connection: Any = Connection(ssl=options or None, defer_connect=True)
    context: SSLContext = connection.ctx
    return context
