"""Counting a run's tasks and loops without looking at each: one scan of the rows, less what was superseded.

The latest recovery of each instance counts. Finding it for every row would cost several scans, so everything is counted
first; what later recoveries superseded is then found from their rows and taken away. A run that was never recovered
pays for the scan only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Integer, Select, Subquery, Table, and_, cast, func, select

from eventcore.define.status import TaskStatus
from eventcore.record import schema as t

Group = tuple[Any, ...]
Sums = list[Any]

PARTS = 1_000  #: of a time, in which rows are counted
RESOLUTION = 1e-6  #: seconds


class Tally(msgspec.Struct):
    """The instances of one step, counted by their latest status."""

    counts: dict[TaskStatus, int] = {}
    ended: int = 0  #: how many have an end
    seconds: float = 0.0  #: what its instances took, all together
    tries: int = 1  #: the most that one of them took
    tasks: dict[TaskStatus, int] = {}  #: also those that a later recovery superseded
    before: dict[tuple[int, TaskStatus], int] = {}
    #: those that did not succeed in an earlier recovery and have not been reached since, by that recovery and status

    def enter(self, status: TaskStatus, tried: int, before: int | None, tasks: int, latest: Sums) -> None:
        """Add tasks of one status and number of tries, and what is counted of the latest of them.

        `before` is their recovery where only a success still counts of it.
        """
        count, ended, seconds = latest
        self.tasks[status] = self.tasks.get(status, 0) + tasks
        if count and before is not None and not status.is_done:
            self.before[before, status] = self.before.get((before, status), 0) + count
        elif count:
            self.counts[status] = self.counts.get(status, 0) + count
            self.ended += ended
            self.seconds += max(0.0, seconds)
            self.tries = max(self.tries, tried)

    @property
    def total(self) -> int:
        """All instances that count."""
        return sum(self.counts.values())


class LoopTally(msgspec.Struct, frozen=True):
    """How far the loops of one container came, all its instances together."""

    loops: int  #: instances of the container whose items are known
    items: int
    begun: int
    over: int
    failed: int
    cancelled: int


def tallies(connection: Connection, run: int, recovery: int, counts_from: int) -> dict[str, Tally]:
    """The tallies of a run that stands in `recovery`, by the kernel's step names.

    Before the recovery `counts_from`, only success counts.
    """
    tasks = t.tasks
    what = [tasks.c.step, tasks.c.status, tasks.c["try"], *([tasks.c.recovery] if counts_from else [])]
    spent = func.sum(func.coalesce(tasks.c.ended, tasks.c.started) - tasks.c.started)
    query = select(*what, func.count(), func.count(tasks.c.ended), spent).group_by(*what)
    found: dict[str, Tally] = {}
    for (step, word, tried, *at), every, latest in _grouped(connection, tasks, query, len(what), run, recovery):
        before = at[0] if at and at[0] < counts_from else None
        found.setdefault(step, Tally()).enter(TaskStatus(word), tried, before, every[0], latest)
    return found


def deferred(connection: Connection, run: int, recovery: int) -> set[str]:
    """The steps that wait for answers with all that is active of them in a recovery; they need no engine for that."""
    tasks = t.tasks
    query = (
        select(tasks.c.step)
        .where(tasks.c.run == run, tasks.c.recovery == recovery, tasks.c.status == TaskStatus.active.value)
        .group_by(tasks.c.step)
        .having(func.count() == func.count(tasks.c.ticket))
    )
    return set(connection.execute(query).scalars())


def spans(connection: Connection, run: int, steps: Collection[str]) -> dict[str, float]:
    """From the first start to the last end of each step, in seconds, the recoveries that reached it added up."""
    tasks = t.tasks
    query = (
        select(tasks.c.step, func.max(tasks.c.ended) - func.min(tasks.c.started))
        .where(tasks.c.run == run, tasks.c.step.in_(list(steps)), tasks.c.status != TaskStatus.skipped.value)
        .group_by(tasks.c.step, tasks.c.recovery)
    )
    found: dict[str, float] = {}
    for step, seconds in connection.execute(query):
        found[step] = found.get(step, 0.0) + max(0.0, seconds or 0.0)
    return found


def loop_tallies(connection: Connection, run: int, recovery: int, counts_from: int,
                 sequence: str | None = None) -> dict[str, LoopTally]:  # fmt: skip
    """The loops of a run that stands in `recovery`, at one sequence or all, by the names of their containers."""
    loops = t.loops
    sums = [func.sum(loops.c[name]) for name in ("items", "begun", "over", "failed", "cancelled")]
    query = select(loops.c.step, func.count(), *sums).group_by(loops.c.step)
    if counts_from:
        succeeded = (loops.c.over == loops.c["items"]) & (loops.c.failed == 0) & (loops.c.cancelled == 0)
        query = query.where((loops.c.recovery >= counts_from) | succeeded)
    if sequence is not None:
        query = query.where(loops.c.sequence == sequence)
    found = _grouped(connection, loops, query, 1, run, recovery)
    return {step: LoopTally(*map(int, latest)) for (step,), _, latest in found}


def _grouped(
    connection: Connection, table: Table, query: Select[Any], keys: int, run: int, recovery: int
) -> Iterator[tuple[Group, Sums, Sums]]:
    """The groups of the query, which has `keys` columns first and sums behind: over all rows, and over the latest."""
    found = _groups(connection, query.where(table.c.run == run), keys)
    superseded: dict[Group, Sums] = {}
    if recovery:
        later = _later(table, run)
        earlier = query.select_from(table).join(later, _earlier_row(table, later)).where(table.c.run == run)
        superseded = _groups(connection, earlier, keys)
    for group, sums in found.items():
        gone = superseded.get(group, [0] * len(sums))
        yield group, sums, [value - less for value, less in zip(sums, gone, strict=True)]


def _groups(connection: Connection, query: Select[Any], keys: int) -> dict[Group, Sums]:
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


def latest_since(
    connection: Connection, query: Select[Any], at: ColumnElement[float], between: tuple[float, float], limit: int
) -> float:
    """From when on the query has `limit` rows by their times `at`, or a few more, found by counting and not by sorting.

    `between` is when the first and the last of them may be.
    """
    first, last = between
    while True:
        part = cast((at - first) * (PARTS / max(last - first, RESOLUTION)), Integer)
        counted = query.with_only_columns(func.min(at), func.max(at), func.count()).group_by(part)
        left, chosen = limit, (first, last, 0)
        for chosen in sorted(((a, b, n) for a, b, n in connection.execute(counted)), reverse=True):
            left -= chosen[2]
            if left <= 0:
                break
        begin, end, count = chosen
        if count <= limit or end - begin < RESOLUTION:
            return begin
        query, limit = query.where(at >= begin, at <= end), left + count
        first, last = begin, end
