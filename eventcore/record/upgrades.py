"""The schema's version: making a new store's tables, upgrading an older store, refusing what cannot be upgraded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.schema import CreateIndex, CreateTable

from eventcore.errors import RunHeldError, StoreError, StoreVersionError
from eventcore.record import lease, schema
from eventcore.record.backend import Backend, backend_at

Upgrade = Callable[[Connection], None]


def _to_version_3(connection: Connection) -> None:
    """Leases tell the machine and the namespace of their holder; inner events are called internal."""
    programs = connection.exec_driver_sql("SELECT id, document FROM eventcore_programs").all()
    for number, document in programs:
        with suppress(ValueError, TypeError, LookupError, AttributeError):  # whoever reads a damaged one is told so
            told = msgspec.json.decode(document)
            for event in told["events"]:
                if event.get("kind") == "inner":
                    event["kind"] = "internal"
            renamed = msgspec.json.encode(told).decode()
            values = {"document": renamed, "digest": sha256(renamed.encode()).hexdigest(), "id": number}
            connection.execute(text("UPDATE eventcore_programs SET document = :document, digest = :digest "
                                       "WHERE id = :id AND document != :document"), values)  # fmt: skip
    _add_columns(connection, "runs", "holder_boot TEXT", "holder_namespace TEXT", "heartbeat_since_boot FLOAT")


def _to_version_4(connection: Connection) -> None:
    """Tasks have deadlines and can be deferred, and events can have values."""
    _add_columns(connection, "tasks", "deadline FLOAT", "ticket TEXT")
    _add_columns(connection, "facts", "value TEXT")


def _to_version_5(connection: Connection) -> None:
    """Turns are counted, large results can be rows, runs can share pools and be submitted to engines."""
    _add_columns(connection, "runs", "turn INTEGER NOT NULL DEFAULT 0", "submitted BOOLEAN")
    for table in (schema.parts, schema.starts, schema.pools, schema.units, schema.engines):
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            connection.execute(CreateIndex(index, if_not_exists=True))
    for index in schema.recoveries.indexes:
        connection.execute(CreateIndex(index, if_not_exists=True))


def _add_columns(connection: Connection, table: str, *columns: str) -> None:
    """Add those of the columns that the table lacks."""
    name = f"eventcore_{table}"
    there = {column["name"] for column in connection.dialect.get_columns(connection, name)}
    for column in columns:
        if column.partition(" ")[0] not in there:
            connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {column}")


#: the function under number n brings a store of version n - 1 to version n. It speaks of tables by the names that they
#: had then, not by `schema`, and can be begun again where a database does not undo changes of its schema
UPGRADES: Mapping[int, Upgrade] = {3: _to_version_3, 4: _to_version_4, 5: _to_version_5}

OLDEST = 2  #: the oldest version that was released


def prepare(connection: Connection, latest: int = schema.VERSION, upgrades: Mapping[int, Upgrade] = UPGRADES,
            *, create: bool = True) -> None:  # fmt: skip
    """Make the tables where there are none, and bring those of an older version to the latest.

    Of several processes that do so at once, one works and the others find it done. Raises `StoreVersionError` for a
    store that is newer, or older than upgrades reach, `RunHeldError` where an engine works on what is to be upgraded,
    and without `create` `StoreError` for a database of somebody else, in which nothing is made.
    """
    backend = backend_at(connection)
    version = _checked(backend, connection, latest)
    if version == latest:
        return
    if version is None and not create:
        if not backend.is_made(connection):
            raise StoreError(f"there is no store at {backend.name}; run the program first, or give another database")
        if _is_foreign(connection):
            raise StoreError(
                f"store {backend.name} is a database of another program, without runs; give the path of a store"
            )
    with backend.schema_change(connection):
        version = _checked(backend, connection, latest)
        if version is None:
            _make_tables(backend, connection)
            connection.execute(insert(schema.schema_version).values(version=latest))
        elif version < latest:
            _refuse_while_held(backend, connection, latest)
            for number in range(version + 1, latest + 1):
                upgrades[number](connection)
                connection.execute(update(schema.schema_version).values(version=number))


def _is_foreign(connection: Connection) -> bool:
    """Whether all tables that are there are somebody else's; an empty database may be a store in the making."""
    found = set(connection.dialect.get_table_names(connection))
    return bool(found) and not found & schema.metadata.tables.keys()


def _make_tables(backend: Backend, connection: Connection) -> None:
    cursor = connection.connection.cursor()
    try:
        for statement in _tables(type(backend)):
            cursor.execute(statement)
    except backend.driver_error as error:
        explained = backend.explained(error)
        if explained is None:
            raise
        raise explained from error


@cache
def _tables(backend: type[Backend]) -> list[str]:
    """The statements that make all tables; rendered once, as a program may open many stores."""
    spoken, tables = backend.dialect(), schema.metadata.sorted_tables
    made = [CreateTable(table, if_not_exists=True) for table in tables]
    indexes = [CreateIndex(index, if_not_exists=True) for table in tables for index in table.indexes]
    return [
        *(str(statement.compile(dialect=spoken)) + backend.table_options for statement in made),
        *(str(statement.compile(dialect=spoken)) for statement in indexes),
    ]


def _checked(backend: Backend, connection: Connection, latest: int) -> int | None:
    table = schema.schema_version
    if not connection.dialect.has_table(connection, table.name):
        return None
    version = connection.execute(select(table.c.version)).scalar()
    if version is not None and not isinstance(version, int):
        raise StoreError(
            f"store {backend.name} is damaged: its schema version is {version!r}; restore it from a backup"
        )
    if version is not None and version > latest:
        raise StoreVersionError(
            f"store {backend.name} has schema version {version}, but this package knows only version "
            f"{latest}; upgrade the package"
        )
    if version is not None and version < OLDEST:
        raise StoreVersionError(
            f"store {backend.name} was made by an unreleased version of this package (schema version {version}) and "
            "cannot be upgraded; remove it, or give another path to start a new store"
        )
    return version


def _refuse_while_held(backend: Backend, connection: Connection, latest: int) -> None:
    for run_id, holder in lease.held_runs(connection, time.time()):
        raise RunHeldError(
            f"store {backend.name} must be upgraded to schema version {latest}, but run {run_id!r} is held by "
            f"{holder}; wait for it, or end it"
        )
