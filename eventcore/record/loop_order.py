"""The order of a loop's iterations, where their keys do not tell it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Text, cast, literal, select

from eventcore.record.schema import iterations


def numbers_of_keys(connection: Connection, run: int, scopes: Collection[str]) -> Mapping[str, int]:
    """Which iteration of its loop stands at each sequence in the scopes, from 1, where the key is not that number."""
    key = literal(".").concat(cast(iterations.c.number, Text))
    query = select(iterations.c.sequence, iterations.c.number).where(
        iterations.c.run == run, iterations.c.scope.in_(list(scopes)), iterations.c.sequence.not_like("%" + key)
    )
    return {row.sequence: row.number for row in connection.execute(query.order_by(iterations.c.recovery))}
