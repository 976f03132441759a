"""Shared pools as readers see them: who holds units, who waits for some, and in which order."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from eventcore.define.pools import PoolScope
from eventcore.record import schema as t
from eventcore.record.reading import Reader
from eventcore.record.units import UnitState
from eventcore.record.views import RunView


class UnitsView(msgspec.Struct, frozen=True):
    """Units that an instance has, or waits for."""

    run: RunView
    step: str  #: the kernel's name
    sequence: str  #: empty where several ended instances of the step have not returned them
    recovery: int
    state: UnitState
    amount: int
    since: float  #: UTC in seconds since 1970
    host: str  #: where its engine is


class PoolView(msgspec.Struct, frozen=True):
    """A pool that runs share."""

    name: str
    scope: PoolScope
    host: str  #: whose units they are; empty where they are those of all hosts
    limit: int | None  #: None: it never runs out
    program: str  #: the program that gave the limit
    set_by: str | None  #: who has set it since
    held: list[UnitsView]  #: those that have had theirs for the longest time first
    waiting: list[UnitsView]  #: in the order in which they are served; some may be passed by for now

    @property
    def free(self) -> int | None:
        """How many units are free; None where it never runs out."""
        return None if self.limit is None else max(0, self.limit - sum(one.amount for one in self.held))


def shared_pools(reader: Reader, now: float) -> list[PoolView]:
    """The pools that runs of a store share, by name; what an engine left that is gone is no longer in them."""
    held: dict[int, list[UnitsView]] = {}
    waiting: dict[int, list[UnitsView]] = {}
    run_ids = select(t.units, t.runs.c.run_id, t.runs.c.holder_host).join(
        t.runs, (t.runs.c.id == t.units.c.run) & (t.runs.c.holder == t.units.c.holder)
    )
    known: dict[str, RunView] = {}
    order = t.units.c.asked, t.units.c.since, t.units.c.run, t.units.c.step, t.units.c.sequence
    for row in reader.connection.execute(run_ids.order_by(*order)).all():
        run = known.get(row.run_id) or known.setdefault(row.run_id, reader.run(row.run_id, now))
        if run.is_held:
            state, of_pool = UnitState(row.state), held if row.state == UnitState.held.value else waiting
            found = UnitsView(run, row.step, row.sequence, row.recovery, state, row.amount, row.since, row.holder_host)
            of_pool.setdefault(row.pool, []).append(found)
    return [
        PoolView(row.name, row.scope, row.host, row.most, row.program, row.set_by,
                 sorted(held.get(row.id, ()), key=lambda one: one.since), waiting.get(row.id, []))
        for row in reader.connection.execute(select(t.pools).order_by(t.pools.c.name, t.pools.c.scope, t.pools.c.host))
    ]  # fmt: skip


def holder_host(reader: Reader, run: RunView) -> str | None:
    """The host of the run's engine, or of its last one."""
    return reader.connection.execute(select(t.runs.c.holder_host).where(t.runs.c.id == run.id)).scalar()
