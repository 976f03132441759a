"""Units of shared pools, as rows: who holds some and who waits, across the runs of a store.

Each engine grants its own claims, in one transaction: with its run's row locked, so that it grants nothing after
another engine has taken the run over, and then the rows of its pools, always by their numbers, so that no two engines
wait for each other. Rows count while the engine that wrote them has its run's lease; others are deleted on the way.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update

from eventcore.decide.allotting import Wanted, allotted
from eventcore.decide.changes import Key, UnitChanges
from eventcore.errors import LeaseLostError
from eventcore.record import lease, waking
from eventcore.record.backend import backend_at
from eventcore.record.database import transaction
from eventcore.record.patience import patience_of
from eventcore.record.rows import RunRow
from eventcore.record.schema import pools, runs, units

#: takes what is to change, and the time; returns the claims that were granted, and the limits of pools by their names
Exchange: TypeAlias = Callable[[UnitChanges, float], tuple[list[Key], dict[str, int | None]]]


#: the claims that were granted, the limits of pools by their numbers, and the rows of runs that can go on
Exchanged: TypeAlias = tuple[list[Key], dict[int, int | None], list[Row[Any]]]


class UnitState(enum.Enum):
    """How a row of units stands."""

    held = "held"  #: the run has them
    waiting = "waiting"  #: its task could start with them, and later claims wait behind it
    aside = "aside"  #: something else keeps its task from starting: it keeps its place, and others pass it by


HELD = UnitState.held.value


class SharedUnits:
    """The units of one engine's run."""

    def __init__(self, connection: Connection, row: RunRow, holder: lease.Holder, known: Mapping[str, int]) -> None:
        self._connection = connection
        self._run = row.id
        self._recovery = row.recovery
        self._holder = holder.token
        self._known = known  #: the numbers of the program's pools, by their names
        self._claims: set[Key] = set()  #: those that are not known to be granted

    def exchange(self, changes: UnitChanges, now: float) -> tuple[list[Key], dict[str, int | None]]:
        """Record what changed, and grant what can be granted; returns these claims, and the limits of all pools.

        Raises `LeaseLostError`, with nothing done, where another engine has the run.
        """
        self._claims = self._claims.difference(changes.withdrawn).union(key for key, _, _ in changes.asked)
        with backend_at(self._connection).reported():
            tried = partial(self._exchange, changes, now)
            granted, limits, others = patience_of(self._connection).tried(tried)
        self._claims.difference_update(granted)
        for other in others:
            waking.wake(other)
        return granted, {name: limits[number] for name, number in self._known.items()}

    def _exchange(self, changes: UnitChanges, now: float, again: bool) -> Exchanged:
        """The transaction: the claims that have been granted, the limits, and the runs that could have some, too.

        It may have taken effect before, without an answer: then nothing is doubled, and what it granted is told.
        """
        connection = self._connection
        with transaction(connection):
            self._check_lease()
            limits = locked(connection, self._known.values())
            self._write(changes, now, again)
            rows, holders = living(connection, limits, now)
            found = allotted(_free(limits, rows), _wanted(rows))
            for one in found:
                if one.run == self._run:
                    self._set_state(one.key, UnitState.held, now)
        granted = [one.key for one in found if one.run == self._run]
        if again:
            held = {(row.step, row.sequence) for row in rows if row.run == self._run and row.state == HELD}
            granted += sorted(held & self._claims)
        return granted, limits, [holders[run] for run in {one.run for one in found} - {self._run}]

    def _check_lease(self) -> None:
        mine = select(runs.c.id).where(runs.c.id == self._run, runs.c.holder == self._holder)
        if self._connection.execute(mine.with_for_update()).first() is None:
            raise LeaseLostError

    def _write(self, changes: UnitChanges, now: float, again: bool) -> None:
        execute = self._connection.execute
        is_held = units.c.state == HELD
        for key in changes.withdrawn:
            execute(delete(units).where(self._at(key), ~is_held))
        for name, key, count in changes.held:
            one = and_(self._at(key), units.c.pool == self._known[name])
            execute(update(units).where(one).values(amount=count) if count else delete(units).where(one))
        for key, is_able in changes.moved:
            state = UnitState.waiting if is_able else UnitState.aside
            execute(update(units).where(self._at(key), ~is_held).values(state=state.value, since=now))
        if changes.asked and not (again and self._has_asked(changes)):
            last = select(func.max(units.c.asked)).where(units.c.pool.in_(self._known.values()))
            place = execute(last).scalar() or 0
            execute(insert(units), list(self._rows(changes, place, now)))

    def _has_asked(self, changes: UnitChanges) -> bool:
        """Whether claims that are to be made are there."""
        (key, _, _), *_ = changes.asked
        return self._connection.execute(select(units.c.pool).where(self._at(key))).first() is not None

    def _rows(self, changes: UnitChanges, place: int, now: float) -> Iterable[dict[str, Any]]:
        for step_and_sequence, needs, is_able in changes.asked:
            place += 1
            step, sequence = step_and_sequence
            state = UnitState.waiting if is_able else UnitState.aside
            for name, count in needs.items():
                yield {"run": self._run, "pool": self._known[name], "step": step, "sequence": sequence,
                       "recovery": self._recovery, "holder": self._holder, "state": state.value, "amount": count,
                       "asked": place, "since": now}  # fmt: skip

    def _set_state(self, key: Key, state: UnitState, now: float) -> None:
        self._connection.execute(update(units).where(self._at(key)).values(state=state.value, since=now))

    def _at(self, key: Key) -> ColumnElement[bool]:
        step, sequence = key
        return and_(units.c.run == self._run, units.c.step == step, units.c.sequence == sequence)


def locked(connection: Connection, numbers: Iterable[int]) -> dict[int, int | None]:
    """The limits of pools, whose rows nobody else changes until the transaction is over."""
    query = select(pools.c.id, pools.c.most).where(pools.c.id.in_(list(numbers))).order_by(pools.c.id)
    return {row.id: row.most for row in connection.execute(query.with_for_update())}


def living(connection: Connection, numbers: Iterable[int], now: float) -> tuple[list[Row[Any]], dict[int, Row[Any]]]:
    """The rows of units that count, and the runs that have some; the rows of others are deleted.

    Inside a transaction that has locked the pools.
    """
    rows = connection.execute(select(units).where(units.c.pool.in_(list(numbers)))).all()
    wanted = {row.run for row in rows}
    found = {row.id: row for row in connection.execute(select(runs).where(runs.c.id.in_(wanted)))} if wanted else {}
    times = backend_at(connection).lease_times(connection, now)
    holders = {run: row for run, row in found.items() if lease.is_held(row, *times)}
    own = [row for row in rows if row.run in found and found[row.run].holder == row.holder]
    ended = _ended(connection, {row.run for row in own} - holders.keys(), times)
    kept = [row for row in own if row.run not in ended]
    for run, holder in {(row.run, row.holder) for row in rows} - {(row.run, row.holder) for row in kept}:
        connection.execute(
            delete(units).where(units.c.run == run, units.c.holder == holder, units.c.pool.in_(list(numbers)))
        )
    return kept, found


def _ended(connection: Connection, silent: set[int], times: tuple[float, float]) -> set[int]:
    """Those of the runs whose engines do not live; their leases are given up.

    So an engine that was merely silent loses its run together with its units. A run that somebody else is about to
    enter or to leave is passed by: waiting for it here, with pools locked, could be a deadlock.
    """
    if not silent:
        return silent
    query = select(runs).where(runs.c.id.in_(silent)).with_for_update(skip_locked=True)
    ended = {row.id for row in connection.execute(query) if not lease.is_held(row, *times)}
    if ended:
        connection.execute(update(runs).where(runs.c.id.in_(ended)).values(holder=None))
    return ended


def free(connection: Connection, run: int) -> list[int]:
    """Delete all units of a run that no engine works on, or that one is entering; returns their pools.

    In the transaction that begins or ends an engine's work, with the run's row locked.
    """
    numbers = list(connection.execute(select(units.c.pool).where(units.c.run == run).distinct()).scalars())
    if numbers:
        locked(connection, numbers)
        connection.execute(delete(units).where(units.c.run == run))
    return numbers


def wake_waiting(connection: Connection, numbers: Iterable[int]) -> None:
    """Have the engines on this host that wait for units of these pools look again."""
    numbers = list(numbers)
    if not numbers:
        return
    waits = units.c.pool.in_(numbers), units.c.state != UnitState.held.value
    for row in connection.execute(select(runs).where(runs.c.id.in_(select(units.c.run).where(*waits)))).all():
        waking.wake(row)


def _free(limits: Mapping[int, int | None], rows: Iterable[Row[Any]]) -> dict[int, int | None]:
    found = dict(limits)
    for row in rows:
        there = found[row.pool]
        if row.state == UnitState.held.value and there is not None:
            found[row.pool] = there - row.amount
    return found


def _wanted(rows: Iterable[Row[Any]]) -> Iterable[Wanted]:
    needs: dict[tuple[int, str, str, int], dict[int, int]] = {}
    for row in rows:
        if row.state == UnitState.waiting.value:
            needs.setdefault((row.run, row.step, row.sequence, row.asked), {})[row.pool] = row.amount
    return [Wanted(run, (step, sequence), found, place) for (run, step, sequence, place), found in needs.items()]
