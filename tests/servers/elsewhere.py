"""Stores that a test keeps at paths, kept on a server instead: what is written for files runs there as it is.

So it does in this process and, by `startup/sitecustomize.py`, in the Python programs that it starts.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha1
from itertools import count
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError

from eventcore.record import registry
from eventcore.record.backend import Backend
from eventcore.record.backends.sqlite import SqliteFile
from tests.servers.stores import address, place

VARIABLE = "STORES_OF_TESTS"  #: where a test's stores are kept on a server, and how the names of its places there begin
STARTUP = Path(__file__).with_name("startup")
NUMBERS = count(1)
ONE_AT_A_TIME = threading.Lock()
DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}


@contextmanager
def kept(kind: str) -> Iterator[None]:
    """Have stores at paths kept on the session's server of a kind, until the end."""
    server, prefix = address(kind), f"path_{os.getpid()}_{next(NUMBERS)}_"
    with (
        patch.dict(os.environ, {VARIABLE: f"{server} {prefix}"}),
        patch.object(sys, "path", [*sys.path, str(STARTUP)]),
        patch.object(registry, "backends", redirected(server, prefix)),
    ):
        yield
    connection = _connection(os.getpid(), server)
    places = f"SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE '{prefix}%%'"
    for name in connection.exec_driver_sql(places).scalars().all():
        with suppress(DBAPIError):  # somebody still holds a table of it; then it stays
            connection.exec_driver_sql(f"DROP SCHEMA {name}{' CASCADE' if kind == 'postgresql' else ''}")


def redirected(server: str, prefix: str) -> Callable[[], Mapping[str, Callable[[str], Backend]]]:
    """The registry's `backends`, with places on the server for paths."""
    known = registry.backends()
    backend = known[server.partition(":")[0]]

    def at_path(path: str) -> Backend:
        with ONE_AT_A_TIME:
            return backend(_place(os.getpid(), server, prefix, str(SqliteFile(path).file.resolve())))

    return lambda: {**known, "sqlite": at_path}


@cache
def _place(process: int, server: str, prefix: str, path: str) -> str:
    """The URL of a path's place, which is made unless it is there."""
    name = prefix + sha1(path.encode(errors="surrogateescape")).hexdigest()[:16]
    _connection(process, server).exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
    return place(server, name)


@cache
def _connection(process: int, server: str) -> Connection:
    """For what is done to places as a whole; a forked process does not use another one's."""
    kind, _, rest = server.partition("://")
    limits = {"postgresql": "SET lock_timeout = '100ms'; SET client_min_messages = 'warning'",
              "mariadb": "SET lock_wait_timeout = 1, sql_notes = 0"}  # fmt: skip
    connection = create_engine(f"{DRIVERS[kind]}://{rest}", isolation_level="AUTOCOMMIT").connect()
    connection.exec_driver_sql(limits[kind])
    return connection
