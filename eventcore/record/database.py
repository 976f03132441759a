"""Opening a store: the SQLite file or memory, its settings, its schema and its version."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import LRUCache

from eventcore.errors import StoreError, StoreVersionError
from eventcore.record import schema
from eventcore.record.location import sqlite_path
from eventcore.record.upgrades import UPGRADES

BUSY_TIMEOUT = 60.0  #: seconds to wait for another writer

#: rendered statements, shared by all stores of the process: a program that runs or reads often renders them once
_compiled: MutableMapping[Any, Any] = LRUCache(200)


def open_database(location: str, durability: str = "full", *, create: bool = True) -> Engine:
    """Connect to the store and bring its schema up to date.

    Raises `StoreError` for a folder that cannot be written, a file that is no database or, without `create`, is not
    there; `StoreVersionError` for a store newer than this code.
    """
    path = sqlite_path(location)
    if path is not None:
        _check_path(path, create)
    engine = _engine(path, durability)
    with reported(location), engine.connect() as connection:
        _prepare(connection, location)
    return engine


@contextmanager
def reported(location: str) -> Iterator[None]:
    """Turn the driver's errors into `StoreError`s that name the store and the remedy."""
    try:
        yield
    except OperationalError as error:
        raise StoreError(
            f"store {location}: {_said(error)}; check the folder's rights, its space and who locks it"
        ) from error
    except DatabaseError as error:
        raise StoreError(
            f"store {location} is not a database ({_said(error)}); give another path or remove the file"
        ) from error


@contextmanager
def transaction(connection: Connection) -> Iterator[Connection]:
    """One write transaction, taken at once so that it cannot fail half-way for another writer."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        with suppress(OperationalError):  # the database has rolled back by itself
            connection.exec_driver_sql("ROLLBACK")
        raise


def _said(error: DBAPIError) -> str:
    return str(error.orig)


def _check_path(path: Path, create: bool) -> None:
    if path.is_dir():
        raise StoreError(f"store {path} is a folder; give the path of a file in it")
    if not path.exists() and not create:
        raise StoreError(f"there is no store at {path}; run the program first, or give the right path with --store")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise StoreError(f"store {path}: the folder {folder} does not exist; create it or give another path")
    if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"store {path}: the folder {folder} cannot be written; give a path where you may write")


def _engine(path: Path | None, durability: str) -> Engine:
    arguments: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "connect_args": {"timeout": BUSY_TIMEOUT},
        "execution_options": {"compiled_cache": _compiled},
    }
    if path is None:
        arguments["poolclass"] = StaticPool
        arguments["connect_args"]["check_same_thread"] = False
    engine = create_engine(f"sqlite:///{path or ':memory:'}", **arguments)

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        if path is not None:
            cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.close()

    return engine


def _prepare(connection: Connection, location: str) -> None:
    table = schema.schema_version
    found = inspect(connection).has_table(table.name)
    version = connection.execute(select(table.c.version)).scalar() if found else None
    if version == schema.VERSION:
        return
    if version is not None and version > schema.VERSION:
        raise StoreVersionError(
            f"store {location} has schema version {version}, this package knows {schema.VERSION}; upgrade the package"
        )
    with transaction(connection):
        found = inspect(connection).has_table(table.name)
        version = connection.execute(select(table.c.version)).scalar() if found else None
        if version is None:
            schema.metadata.create_all(connection)
            connection.execute(insert(table).values(version=schema.VERSION))
            return
        for number in range(version + 1, schema.VERSION + 1):
            UPGRADES[number](connection)
        connection.execute(table.update().values(version=schema.VERSION))
