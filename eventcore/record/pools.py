"""The pools that runs share: declared by programs, set by users."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from eventcore.define.plain import quoted
from eventcore.define.pools import ResourcePool
from eventcore.errors import PoolNotFoundError, ProgramError
from eventcore.record import units
from eventcore.record.database import open_database, reported, transaction
from eventcore.record.requests import asker
from eventcore.record.schema import pools


def declare(connection: Connection, program: str, wanted: Iterable[ResourcePool], host: str) -> dict[str, int]:
    """Make the pools known that a program shares; returns their numbers by their names.

    Raises `ProgramError` where another program has given one of them another limit.
    """
    found, ordered = {}, sorted(wanted, key=lambda pool: pool.name)
    with transaction(connection):
        there = select(pools.c.id).where(pools.c.name.in_([pool.name for pool in ordered]))
        units.locked(connection, connection.execute(there).scalars())  # in the order in which all lock them
        for pool in ordered:
            place = {"name": pool.name, "scope": pool.scope, "host": host if pool.scope == "host" else ""}
            found[pool.name] = _declared(connection, program, pool, place)
    return found


def _declared(connection: Connection, program: str, pool: ResourcePool, place: dict[str, Any]) -> int:
    query = select(pools).filter_by(**place).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        with suppress(IntegrityError), connection.begin_nested():  # another program has made it meanwhile
            connection.execute(insert(pools).values(**place, most=pool.limit, program=program))
        row = connection.execute(query).one()
    if row.most == pool.limit or row.set_by is not None:
        return int(row.id)
    if row.program != program:
        raise ProgramError(
            f"pool {pool.name!r} has {in_words(row.most)} in program {row.program!r} and {in_words(pool.limit)} in "
            f"program {program!r}; give both the same limit, or say which one holds for all programs: "
            f"sequent pools set {quoted(pool.name)} LIMIT TARGET"
        )
    connection.execute(update(pools).where(pools.c.id == row.id).values(most=pool.limit))
    return int(row.id)


def set_limit(location: str, name: str, limit: int | None, scope: str | None = None, host: str | None = None) -> str:
    """Set the limit of a pool for all programs, while runs go on; returns the pool in words.

    Raises `PoolNotFoundError` where there is no such pool in the store, or where several have the name.
    """
    with reported(location):
        database = open_database(location, create=False)
        try:
            with database.connect() as connection, transaction(connection):
                row = _chosen(connection, name, scope, host)
                connection.execute(update(pools).where(pools.c.id == row.id).values(most=limit, set_by=asker()))
            with database.connect() as connection:
                units.wake_waiting(connection, [row.id])
        finally:
            database.dispose()
    return described(row.name, row.scope, row.host)


def _chosen(connection: Connection, name: str, scope: str | None, host: str | None) -> Row[Any]:
    """The one pool that is meant, locked."""
    rows = connection.execute(select(pools).order_by(pools.c.id).with_for_update()).all()
    named = [row for row in rows if row.name == name]
    found = [row for row in named if scope in (None, row.scope) and host in (None, row.host)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(sorted({described(row.name, row.scope, row.host) for row in found or named or rows}))
    if len(found) > 1:
        raise PoolNotFoundError(f"several pools are named {name!r}: {known}; choose one with --scope or --host")
    advice = f"it has {known}" if known else "none of its runs has shared any; the first run of a program makes its own"
    raise PoolNotFoundError(f"the store has no such shared pool {name!r}; {advice}")


def described(name: str, scope: str, host: str) -> str:
    """A pool as people are told it: `'licences' (cluster)`, `'gpus' (host node7)`."""
    return f"{name!r} ({scope} {host})" if host else f"{name!r} ({scope})"


def in_words(limit: int | None) -> str:
    """A limit as people are told it."""
    return "no limit" if limit is None else f"limit {limit}"
