"""Places for empty stores on the session's servers: each test has its own, and the oldest are taken away again.

On PostgreSQL, a worker has a database and a place is a schema in it, which costs 0.1 ms (a database costs 77); on
MariaDB a place is a database (1 ms). To take one away with the tables of a store costs 10 ms.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.servers.served import shared
from tests.servers.software import USER
from tests.system import not_there

KEPT = 50  #: places of a worker that stay there, as a test may have several


class Places:
    """The places that this process has made on one server."""

    def __init__(self, execute: Callable[[str], object], drop: str) -> None:
        self._execute, self._drop = execute, drop
        self._made: deque[str] = deque()
        self._number = 0

    def add(self, statement: str) -> str:
        """Make one more, with a new name."""
        self._number += 1
        name = f"store_{os.getpid()}_{self._number}"
        self._execute(statement.format(name))
        self._made.append(name)
        if len(self._made) > KEPT:
            with suppress(Exception):  # somebody still holds a table of it; then it stays
                self._execute(self._drop.format(self._made.popleft()))
        return name


def postgresql(folder: Path) -> str:
    """The URL of an empty place on the session's PostgreSQL."""
    return place(address("postgresql"), _postgresql().add("CREATE SCHEMA {}"))


def mariadb(folder: Path) -> str:
    """The URL of an empty place on the session's MariaDB."""
    return place(address("mariadb"), _mariadb().add("CREATE SCHEMA {}"))


def address(kind: str) -> str:
    """The URL of what this process has on the session's server of a kind, without any place in it."""
    server = f"{kind}://{USER}@127.0.0.1:{shared(kind).port}"
    if kind == "mariadb":
        return server
    _postgresql()
    return f"{server}/{_database()}"


def place(address: str, name: str) -> str:
    """The URL of a place there, whether it is made yet or not."""
    return f"{address}?options=-csearch_path%3D{name}" if address.startswith("postgresql") else f"{address}/{name}"


def _database() -> str:
    return f"worker_{os.getpid()}"


@cache
def _postgresql() -> Places:
    port = shared("postgresql").port
    try:
        import psycopg
    except ImportError:
        not_there("there is no psycopg; pip install '.[test]'")
    with psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname="postgres", autocommit=True) as first:
        first.execute(f"CREATE DATABASE {_database()}".encode())
    connection = psycopg.connect(host="127.0.0.1", port=port, user=USER, dbname=_database(), autocommit=True)
    connection.execute("SET lock_timeout = '100ms'")
    connection.execute("SET client_min_messages = 'warning'")
    return Places(lambda statement: connection.execute(statement.encode()), "DROP SCHEMA {} CASCADE")


@cache
def _mariadb() -> Places:
    port = shared("mariadb").port
    try:
        import pymysql
    except ImportError:
        not_there("there is no PyMySQL; pip install '.[test]'")
    connection = pymysql.connect(host="127.0.0.1", port=port, user=USER, autocommit=True, ssl_disabled=True)
    cursor = connection.cursor()
    cursor.execute("SET lock_wait_timeout = 1")
    return Places(cursor.execute, "DROP SCHEMA {}")
