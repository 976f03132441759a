"""The engines that work off submitted runs: who they are, and which of them live."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from eventcore.record import identity, lease, waking
from eventcore.record.backend import backend_at
from eventcore.record.database import transaction
from eventcore.record.schema import engines

TERM = 30.0  #: seconds of silence after which an engine of another host counts as dead
FORGOTTEN = 86_400.0  #: seconds after which the row of a dead one is deleted


class EngineView(msgspec.Struct, frozen=True):
    """An engine that lives."""

    name: str  #: as `process 4711 on host`
    user: str
    started: float  #: UTC in seconds since 1970
    slots: int  #: how many runs it works on at a time
    programs: list[str] | None  #: the names of those that it works off; None: all


def enlist(connection: Connection, holder: lease.Holder, slots: int, programs: Sequence[str], now: float) -> None:
    """Enter an engine that begins to work, or whose row was lost, and renew its heartbeat."""
    backend = backend_at(connection)
    clock = backend.lease_clock(now)
    beaten = {"heartbeat": clock, "heartbeat_since_boot": lease.since_boot(backend)}
    with transaction(connection):
        mine = update(engines).where(engines.c.holder == holder.token).values(**beaten)
        if connection.execute(mine).rowcount:
            return
        connection.execute(delete(engines).where(engines.c.heartbeat < clock - FORGOTTEN))
        connection.execute(
            insert(engines).values(
                holder=holder.token, holder_host=holder.host, holder_pid=holder.pid, holder_started=holder.started,
                holder_boot=lease.boot_of(holder, backend), holder_namespace=holder.namespace, wake=holder.wake,
                lease_term=TERM, user=identity.user(), started=clock, slots=slots,
                programs=json.dumps(list(programs)) if programs else None, **beaten,
            )
        )  # fmt: skip


def strike_off(connection: Connection, holder: lease.Holder) -> None:
    """Take an engine that ends off the list."""
    with transaction(connection):
        connection.execute(delete(engines).where(engines.c.holder == holder.token))


def living(connection: Connection, now: float) -> list[EngineView]:
    """The engines that live, those that began first before the others."""
    times = backend_at(connection).lease_times(connection, now)
    rows = connection.execute(select(engines).order_by(engines.c.started)).all()
    return [
        EngineView(lease.named(row), row.user, row.started, row.slots, row.programs and json.loads(row.programs))
        for row in rows
        if lease.is_held(row, *times)
    ]


def wake_all(connection: Connection) -> None:
    """Have the engines of this host look for work; those of other hosts look by themselves before long."""
    for row in connection.execute(select(engines)):
        waking.wake(row)
