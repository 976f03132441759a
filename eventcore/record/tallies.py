"""Counting a run's tasks and loops without looking at each: one scan of the rows, less what was superseded.

The latest recovery of each instance counts. Finding it for every row would cost several scans, so everything is counted
first; what later recoveries superseded is then found from their rows and taken away. A run that was never recovered
pays for the scan only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, Subquery, Table, and_, func, select

from eventcore.define.status import TaskStatus
from eventcore.record import schema as t


@dataclass(slots=True)
class Tally:
    """The instances of one step, counted by their latest status."""

    counts: dict[TaskStatus, int] = field(default_factory=dict)
    ended: int = 0  #: how many have an end
    seconds: float = 0.0  #: what its instances took, all together
    tries: int = 1  #: the most that one of them took

    @property
    def total(self) -> int:
        """All instances that were reached."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class LoopTally:
    """How far the loops of one container came, all its instances together."""

    loops: int  #: instances of the container whose items are known
    items: int
    begun: int
    over: int
    failed: int
    cancelled: int


def tallies(connection: Connection, run: int, recovery: int) -> dict[str, Tally]:
    """The tallies of a run that stands in `recovery`, by the kernel's step names."""
    tasks = t.tasks
    what = [tasks.c.step, tasks.c.status, tasks.c["try"]]
    spent = func.sum(func.coalesce(tasks.c.ended, tasks.c.started) - tasks.c.started)
    query = select(*what, func.count(), func.count(tasks.c.ended), spent).group_by(*what)
    found: dict[str, Tally] = {}
    for (step, word, tried), (count, ended, seconds) in _latest(connection, tasks, query, len(what), run, recovery):
        tally = found.setdefault(step, Tally())
        status = TaskStatus(word)
        tally.counts[status] = tally.counts.get(status, 0) + count
        tally.ended += ended
        tally.seconds += max(0.0, seconds)
        tally.tries = max(tally.tries, tried)
    return found


def loop_tallies(connection: Connection, run: int, recovery: int) -> dict[str, LoopTally]:
    """The loops of a run that stands in `recovery`, by the kernel's names of their containers."""
    loops = t.loops
    sums = [func.sum(loops.c[name]) for name in ("items", "begun", "over", "failed", "cancelled")]
    query = select(loops.c.step, func.count(), *sums).group_by(loops.c.step)
    return {step: LoopTally(*map(int, sums)) for (step,), sums in _latest(connection, loops, query, 1, run, recovery)}


def _latest(
    connection: Connection, table: Table, query: Select[Any], keys: int, run: int, recovery: int
) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """The groups of the query, which has `keys` columns of its group first and sums behind, of the latest rows."""
    found = _groups(connection, query.where(table.c.run == run), keys)
    if recovery:
        later = _later(table, run)
        superseded = query.select_from(table).join(later, _earlier_row(table, later)).where(table.c.run == run)
        for group, sums in _groups(connection, superseded, keys).items():
            found[group] = [value - gone for value, gone in zip(found[group], sums, strict=True)]
    return ((group, sums) for group, sums in found.items() if sums[0])


def _groups(connection: Connection, query: Select[Any], keys: int) -> dict[tuple[Any, ...], list[Any]]:
    return {tuple(row[:keys]): [value or 0 for value in row[keys:]] for row in connection.execute(query)}


def _later(table: Table, run: int) -> Subquery:
    """The latest recovery of each instance that a recovery reached."""
    return (
        select(table.c.sequence, table.c.step, func.max(table.c.recovery).label("recovery"))
        .where(table.c.run == run, table.c.recovery > 0)
        .group_by(table.c.sequence, table.c.step)
        .subquery()
    )


def _earlier_row(table: Table, later: Subquery) -> Any:
    return and_(table.c.sequence == later.c.sequence, table.c.step == later.c.step, table.c.recovery < later.c.recovery)
