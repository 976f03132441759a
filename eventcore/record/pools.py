"""The pools that runs share: declared by programs, set by users."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from eventcore.define.pools import ResourcePool
from eventcore.errors import ProgramError
from eventcore.record.database import transaction
from eventcore.record.schema import pools


def declare(connection: Connection, program: str, wanted: Iterable[ResourcePool], host: str) -> dict[str, int]:
    """Make the pools known that a program shares; returns their numbers by their names.

    Raises `ProgramError` where another program has given one of them another limit.
    """
    found = {}
    with transaction(connection):
        for pool in sorted(wanted, key=lambda pool: pool.name):
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
            f"sequent pools set {pool.name} LIMIT"
        )
    connection.execute(update(pools).where(pools.c.id == row.id).values(most=pool.limit))
    return int(row.id)


def in_words(limit: int | None) -> str:
    """A limit as people are told it."""
    return "no limit" if limit is None else f"limit {limit}"
