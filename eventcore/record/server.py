"""What databases that are servers have in common: reached by a URL, shared by hosts, with everything in their rows."""

from __future__ import annotations

import secrets
import socket
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar
from urllib.parse import unquote

from sqlalchemy import ColumnElement, Connection, Engine, create_engine, delete, event, func, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError

from eventcore.errors import StoreError
from eventcore.record.backend import Backend
from eventcore.record.schema import parts, starts

PART = 1_000_000  #: bytes of a large result or a file in one row: servers limit what one statement may carry
CONNECT_TIMEOUT = 10  #: seconds
PASSWORD = "give the right password in the config's DATABASE, or the whole URL with `--store -` on standard input"
OPTIONS = "correct the options after '?' in its URL"
READ_ONLY = "have the server take writes again, or name the one that does"
FULL = "free space on the disk of the server"
IDLE = 10  #: seconds after which a server ends a write transaction in which nothing happens: its process may be frozen
SILENCE = 4  #: seconds without an answer to a sign of life, after which a connection counts as lost


class Server(Backend):
    """A store on a server, given by a URL.

    It is opened in the isolation level READ COMMITTED: whoever decides something on what he has read locks the rows.
    """

    is_shared = True
    is_remote = True

    #: SQLAlchemy's name of the dialect with its driver
    driver: ClassVar[str]

    #: the module of the driver, and the extra of this package that brings it
    module: ClassVar[str]
    extra: ClassVar[str]

    def __init__(self, location: str) -> None:
        try:
            self.url = make_url(location).set(drivername=self.driver)
        except (ArgumentError, ValueError):  # which quote the URL, with its password
            scheme = location.partition("://")[0]
            raise StoreError(
                f"store {scheme}://...: this is not a URL; write {scheme}://user@host:port/database"
            ) from None
        super().__init__(location)
        if "\0" in unquote(location):  # libpq would take the URL to end there
            raise StoreError(f"store {self.name}: its URL has a NUL character (%00); leave it out")
        if "@" in (self.url.host or ""):  # messages of drivers name the host
            raise StoreError(
                f"store {self.name}: its password has an @; write %40 for it, as for all that URLs reserve"
            )
        self._engine: Engine | None = None

    @property
    def name(self) -> str:
        """The URL without what is secret, and without the driver."""
        scheme, _, rest = super().name.partition("://")
        return f"{scheme.partition('+')[0]}://{rest}"

    def open(self, durability: str, *, create: bool) -> Engine:
        """Connect. How far a commit is flushed is the server's own setting, whatever the durability."""
        self._import_driver()
        options = dict(self._arguments())
        try:
            engine = create_engine(self.url, isolation_level="AUTOCOMMIT", pool_pre_ping=True, connect_args=options)
        except ValueError as error:  # SQLAlchemy reads the numbers among the options
            raise StoreError(f"store {self.name}: {error}; {OPTIONS}") from error
        event.listen(engine, "do_connect", lambda _, __, ___, arguments: self._connect(arguments))
        event.listen(engine, "connect", self._configure)
        self._engine = engine
        return engine

    @abstractmethod
    def _arguments(self) -> Mapping[str, Any]:
        """What the driver's `connect` is called with, beside what the URL says."""

    def _connect(self, arguments: Mapping[str, Any]) -> Any:
        """A new connection of the driver; None has SQLAlchemy make it."""
        return None

    def _configure(self, connection: Any, _: Any) -> None:
        """Prepare a new connection of the driver."""

    def _import_driver(self) -> None:
        try:
            __import__(self.module)
        except ImportError as error:
            raise StoreError(
                f"store {self.name}: the driver {self.module} cannot be imported ({error}); install it with: "
                f"pip install 'sequent-flow[{self.extra}]'"
            ) from None

    def is_made(self, connection: Connection) -> bool:
        """A server's database is a store when somebody has made one in it."""
        return connection.dialect.has_table(connection, parts.name)

    # leases

    @abstractmethod
    def _started(self) -> ColumnElement[str]:
        """What differs between two starts of the server, for use in statements."""

    def awake_since(self, now: float) -> ColumnElement[float]:
        """When the server's present start was first seen; now, where nobody has noted it.

        The start itself may be long before the server takes connections, if it has to repair what a crash has left.
        """
        seen = select(starts.c.seen).where(starts.c.started == self._started()).scalar_subquery()
        return func.coalesce(seen, self.lease_clock(now))

    def note_start(self, connection: Connection) -> None:
        """Keep a row for each start."""
        mine = self._started()
        if connection.execute(select(starts.c.seen).where(starts.c.started == mine)).first() is None:
            row = select(mine, self.lease_clock(0.0))
            with suppress(IntegrityError):  # another one has just done it
                connection.execute(insert(starts).from_select(["started", "seen"], row))

    # large results

    def keep_result(self, run_id: str, text: str) -> str:
        """In parts, in rows."""
        name = secrets.token_hex(16)
        self._keep(run_id, name, text.encode())
        return name

    def kept_result(self, run_id: str, name: str) -> str:
        """From its parts."""
        return self._kept(run_id, name).decode()

    def keep_file(self, run_id: str, name: str, content: bytes) -> None:
        """In parts, in rows."""
        self._keep(run_id, name, content)

    def kept_file(self, run_id: str, name: str) -> bytes:
        """From its parts."""
        return self._kept(run_id, name)

    def drop_results(self, run_id: str) -> None:
        """All parts of the run's results and files."""
        with self._connected() as connection:
            connection.execute(delete(parts).where(parts.c.run_id == run_id))

    def _keep(self, run_id: str, name: str, content: bytes) -> None:
        begins = range(0, max(len(content), 1), PART)
        rows = [{"run_id": run_id, "name": name, "number": number, "content": content[begin : begin + PART]}
                for number, begin in enumerate(begins)]  # fmt: skip
        with self._connected() as connection:
            there = select(parts.c.number).where(parts.c.run_id == run_id, parts.c.name == name).limit(1)
            if connection.execute(there).first() is not None:
                return  # a name tells its content, and what is there is there as a whole
            with suppress(IntegrityError), self.transaction(connection):  # another one has kept the same meanwhile
                for row in rows:
                    connection.execute(insert(parts).values(**row))

    def _kept(self, run_id: str, name: str) -> bytes:
        with self._connected() as connection:
            query = select(parts.c.content).where(parts.c.run_id == run_id, parts.c.name == name)
            found = list(connection.execute(query.order_by(parts.c.number)).scalars())
        if not found:
            raise StoreError(f"store {self.name} has no result {name} of run {run_id!r}; restore it from a backup")
        return b"".join(found)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection of its own, since results are kept outside of turns."""
        assert self._engine is not None, "open it first"
        with self.reported(), self._engine.connect() as connection:
            yield connection


def watched_socket(host: str, port: int) -> socket.socket:
    """A connection to a server that is given up when the other side has shown no sign of life for `SILENCE` seconds."""
    made = socket.create_connection((host, port), CONNECT_TIMEOUT)
    made.settimeout(None)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", SILENCE), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 3),
                          ("TCP_USER_TIMEOUT", SILENCE * 1000)):  # fmt: skip
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


def first_line(texts: Iterable[str | None]) -> str:
    """The first of the texts that says something, in one line."""
    return next((" ".join(text.split()) for text in texts if text and text.split()), "unknown error")
