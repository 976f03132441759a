"""Reads runs from a store, even while an engine writes to it: readers neither wait nor make anyone wait.

Nothing here needs the user's program: a run carries what it ran as data.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, true

from eventcore.define.passwords import withheld
from eventcore.define.program import Role
from eventcore.define.sequence import is_name
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import StoredProgram, read
from eventcore.errors import RunNotFoundError, StoreError
from eventcore.record import schema as t
from eventcore.record.backend import backend_at
from eventcore.record.damage import damage, damaged, diagnosed
from eventcore.record.database import open_database, reported
from eventcore.record.latest import is_latest
from eventcore.record.registry import shared_backend
from eventcore.record.run_views import run_views
from eventcore.record.tallies import LoopTally, Tally, deferred, latest_since, loop_tallies, spans, tallies
from eventcore.record.views import (
    AttemptView,
    InstanceView,
    IterationView,
    RecoveryView,
    ResultView,
    RunView,
    SliceView,
    TaskView,
)
from eventcore.record.whose import own_latest, unknown_run

NONE = "null"  #: how the value None is recorded
CHUNK = 500  #: values that are looked up by one statement


class Reader:
    """Reads one store; made by `reading`."""

    def __init__(self, connection: Connection, location: str) -> None:
        self._connection = connection
        self._programs: dict[tuple[int, int], StoredProgram] = {}
        self._tallies: dict[tuple[int, int], Mapping[str, Tally]] = {}
        self.location = location

    @property
    def connection(self) -> Connection:
        """What it reads through."""
        return self._connection

    def runs(self, now: float, program: str | None = None) -> list[RunView]:
        """All runs, or those of a program, the latest first."""
        return self._runs(now, true() if program is None else t.runs.c.program == program)

    def _runs(self, now: float, wanted: ColumnElement[bool]) -> list[RunView]:
        return run_views(self._connection, now, wanted)

    def run(self, run_id: str | None, now: float, program: str | None = None) -> RunView:
        """The named run, or the user's latest, of a program where one is named; raises `RunNotFoundError`."""
        if run_id is None:
            found = self._runs(now, t.runs.c.id == own_latest(self._connection, program, self.location))
        else:
            found = self._runs(now, t.runs.c.run_id == run_id) if is_name(run_id) else []
        if not found:
            raise RunNotFoundError(unknown_run(self.location, run_id))
        return found[0]

    def program(self, run: RunView) -> StoredProgram:
        """The program that the run executes; read once."""
        key = run.id, run.recovery
        if key not in self._programs:
            query = (
                select(t.programs.c.document)
                .join(t.recoveries, t.recoveries.c.program_id == t.programs.c.id)
                .where(t.recoveries.c.run == run.id, t.recoveries.c.recovery == run.recovery)
            )
            self._programs[key] = read(self._connection.execute(query).scalar_one())
        return self._programs[key]

    def tallies(self, run: RunView) -> Mapping[str, Tally]:
        """Each step's instances, counted by the status of their latest recovery, once; by the kernel's step name."""
        key = run.id, run.recovery
        if key not in self._tallies:
            self._tallies[key] = tallies(self._connection, run.id, run.recovery, run.counts_from)
        return self._tallies[key]

    def deferred(self, run: RunView) -> set[str]:
        """The steps that wait for answers with all that is active of them."""
        return deferred(self._connection, run.id, run.recovery)

    def spans(self, run: RunView, steps: Collection[str]) -> dict[str, float]:
        """The seconds from the first start to the last end of each step, its recoveries added up."""
        return spans(self._connection, run.id, steps)

    def loops(self, run: RunView, sequence: str | None = None) -> dict[str, LoopTally]:
        """How far the loops came, all or those at a sequence; keyed by the kernel's names of the containers."""
        known = loop_tallies(self._connection, run.id, run.recovery, run.counts_from, sequence)
        looped = (step.name for step in self.program(run).steps if step.loop is not None)
        return {name: known[name] for name in looped if name in known}

    def instances(self, run: RunView, *, step: str | None = None, sequence: str | None = None,
                  statuses: tuple[TaskStatus, ...] = (), since: int = 0, limit: int | None = 1000,
                  last_first: bool = False) -> list[InstanceView]:  # fmt: skip
        """Tasks in their latest recovery, if that is `since` or later, as they were reached, or the last first."""
        tasks, attempts = t.tasks, t.attempts
        names = ("run", "step", "sequence", "recovery", "status", "try", "due", "created", "started", "ended")
        chosen = select(*(tasks.c[name] for name in names), tasks.c.deadline, tasks.c.ticket)
        chosen = chosen.where(tasks.c.run == run.id, tasks.c.recovery >= since)
        if step is not None:
            chosen = chosen.where(tasks.c.step == step)
        if sequence is not None:
            chosen = chosen.where(tasks.c.sequence == sequence)
        if statuses:
            chosen = chosen.where(tasks.c.status.in_([status.value for status in statuses]))
        if run.recovery > since:
            chosen = chosen.where(is_latest(tasks, ("sequence", "step")))
        order = (tasks.c.created.desc(), tasks.c.started.desc()) if last_first else (tasks.c.created, tasks.c.started)
        found = chosen.order_by(*order).limit(limit).subquery()
        tried = (
            (attempts.c.run == found.c.run) & (attempts.c.sequence == found.c.sequence)
            & (attempts.c.step == found.c.step) & (attempts.c.recovery == found.c.recovery)
            & (attempts.c["try"] == found.c["try"])
        )  # fmt: skip
        shown = [found.c[name] for name in names[1:] if name != "created"]
        query = select(*shown, attempts.c.error, attempts.c.traceback, found.c.deadline, found.c.ticket)
        query = query.outerjoin_from(found, attempts, tried)
        outer = (found.c.created, found.c.started)
        query = query.order_by(*((column.desc() for column in outer) if last_first else outer))
        return [
            InstanceView(name, at, recovery, TaskStatus(word), *rest)
            for name, at, recovery, word, *rest in self._connection.execute(query)
        ]

    def iteration(self, run: RunView, scope: str, sequence: str) -> IterationView | None:
        """One iteration in its latest recovery; None where it has not begun."""
        iterations = t.iterations
        query = select(iterations).where(iterations.c.scope == scope, iterations.c.sequence == sequence)
        found = self._iterations(query.where(iterations.c.run == run.id).order_by(iterations.c.recovery.desc()), 1)
        return found[0] if found else None

    def iterations_without(self, run: RunView, scope: str, step: str, limit: int) -> list[IterationView]:
        """The last iterations of the present recovery in which a step of the scope was not reached, the last first."""
        iterations, tasks = t.iterations, t.tasks
        reached = (
            select(tasks.c.run)
            .where(tasks.c.run == run.id, tasks.c.sequence == iterations.c.sequence, tasks.c.step == step)
            .exists()
        )
        query = (
            select(iterations)
            .where(iterations.c.run == run.id, iterations.c.recovery == run.recovery, iterations.c.scope == scope)
            .where(~reached)
            .order_by(iterations.c.started.desc(), iterations.c.number.desc())
        )
        return self._iterations(query, limit)

    def _iterations(self, query: Select[Any], limit: int) -> list[IterationView]:
        return [
            IterationView(
                row.scope, row.sequence, row.recovery, row.number, TaskStatus(row.status), bool(row.halted),
                bool(row.clean), row.started, row.ended,
            )
            for row in self._connection.execute(query.limit(limit))
        ]  # fmt: skip

    def recoveries(self, run: RunView) -> list[RecoveryView]:
        """The start of the run and its recoveries, in order."""
        recoveries = t.recoveries
        query = select(recoveries).where(recoveries.c.run == run.id).order_by(recoveries.c.recovery)
        return [
            RecoveryView(row.recovery, row.started, row.ended, Verdict(row.verdict))
            for row in self._connection.execute(query)
        ]

    def tasks(self, run: RunView, steps: Collection[str], now: float, limit: int) -> list[TaskView]:
        """The tasks of the steps in all recoveries, as they were reached; beyond `limit`, failures and the latest."""
        tasks = t.tasks
        columns = ("step", "sequence", "recovery", "status", "try", "created", "started", "ended", "due")
        query = select(*(tasks.c[name] for name in columns)).where(tasks.c.run == run.id, tasks.c.step.in_(list(steps)))
        until = now if run.ended is None else run.ended
        count = {True: 0, False: 0}
        for step, tally in self.tallies(run).items():
            for word, number in tally.tasks.items() if step in steps else ():
                count[word.is_done] += number
        found: list[TaskView] = []
        for is_done in (False, True):
            words = [status.value for status in TaskStatus if status.is_done is is_done]
            part = query.where(tasks.c.status.in_(words))
            room = limit - len(found)
            if count[is_done] > room:
                since = latest_since(self._connection, part, tasks.c.created, (run.created, until), room)
                part = part.where(tasks.c.created >= since).limit(2 * room)
            rows = self._connection.execute(part).all() if count[is_done] and room else []
            known = [TaskView(name, at, recovery, TaskStatus(word), *rest) for name, at, recovery, word, *rest in rows]
            found += sorted(known, key=_reached)[-room:]
        return sorted(found, key=_reached)

    def attempts(self, run: RunView, sequences: Collection[str] | None = None) -> Iterator[AttemptView]:
        """The tries at the sequences that tell more than their tasks do: failed ones, and those after the first."""
        attempts = t.attempts
        query = (
            select(attempts)
            .where(attempts.c.run == run.id, (attempts.c.status != "success") | (attempts.c["try"] > 1))
            .order_by(attempts.c.recovery, attempts.c["try"])
        )
        for row in self._rows(query, attempts.c.sequence, sequences):
            yield AttemptView(
                row.step, row.sequence, row.recovery, row._mapping["try"], TaskStatus(row.status), row.started,
                row.ended, row.error, row.traceback,
            )  # fmt: skip

    def results(self, run: RunView, sequences: Collection[str], limit: int) -> Iterator[ResultView]:
        """The results of tasks at the sequences, except None; of each, the first `limit` characters."""
        results = t.results
        columns = (results.c.step, results.c.sequence, results.c.recovery)
        text, size = func.substr(results.c.value, 1, limit), func.coalesce(func.length(results.c.value), 0)
        query = select(*columns, text, size, results.c.file).where(
            results.c.run == run.id, results.c.value.is_(None) | (results.c.value != NONE)
        )
        for row in self._rows(query, results.c.sequence, sequences):
            yield ResultView(*row)

    def results_of(self, run: RunView, step: str, sequence: str | None = None) -> list[tuple[str, str | None]]:
        """The sequences of a step's instances, or the one, that are done in their latest recovery, with their results.

        Results are whole, as tagged JSON; None stands for the value None. Raises `StoreError` for one that is in a file
        which cannot be read.
        """
        tasks, results = t.tasks, t.results
        same = and_(*(results.c[name] == tasks.c[name] for name in ("run", "sequence", "step", "recovery")))
        query = (
            select(tasks.c.sequence, results.c.value, results.c.file)
            .select_from(tasks.outerjoin(results, same))
            .where(tasks.c.run == run.id, tasks.c.step == step)
            .where(tasks.c.status.in_([status.value for status in TaskStatus if status.is_done]))
            .order_by(tasks.c.created, tasks.c.started)
        )
        if sequence is not None:
            query = query.where(tasks.c.sequence == sequence)
        if run.recovery:
            query = query.where(is_latest(tasks, ("sequence", "step")))
        return [
            (at, value if file is None else self._kept(run, f"{step}@{at}", file))
            for at, value, file in self._connection.execute(query)
        ]

    def _kept(self, run: RunView, instance: str, file: str) -> str:
        """A result that has a file of its own."""
        try:
            return backend_at(self._connection).kept_result(run.run_id, file)
        except StoreError as error:
            raise StoreError(
                f"store {self.location}: the result of {instance} in run {run.run_id!r} cannot be read: {error} (such "
                "files have to move with the store)"
            ) from None

    def _rows(self, query: Select[Any], column: ColumnElement[Any], values: Collection[str] | None) -> Iterator[Any]:
        """The rows of the query that have one of the values in the column, some hundred values at a time."""
        execute = self._connection.execute
        if values is None:
            yield from execute(query).yield_per(1000)
            return
        wanted = list(values)
        for start in range(0, len(wanted), CHUNK):
            yield from execute(query.where(column.in_(wanted[start : start + CHUNK])))

    def items(self, run: RunView, step: str) -> Iterator[SliceView]:
        """The recorded items of a loop, by the step that computed them: slice by slice, each instance in order."""
        items = t.items
        columns = (items.c.sequence, items.c.recovery, items.c.first, items.c["keys"], items.c["values"])
        query = select(*columns).where(items.c.run == run.id, items.c.step == step)
        query = query.order_by(items.c.sequence, items.c.recovery, items.c.first)
        for sequence, recovery, first, keys, values in self._connection.execute(query).yield_per(10):
            yield SliceView(sequence, recovery, first, None if keys is None else json.loads(keys), json.loads(values))

    def item_slice(self, run: RunView, step: str, sequence: str, number: int, upto: int) -> SliceView | None:
        """The slice with an item's number, as the step computed it last up to a recovery; None where there is none."""
        items = t.items
        same = (items.c.run == run.id, items.c.step == step, items.c.sequence == sequence)
        latest = select(func.max(items.c.recovery)).where(*same, items.c.recovery <= upto).scalar_subquery()
        query = select(*(items.c[name] for name in ("recovery", "first", "keys", "values"))).where(
            *same, items.c.recovery == latest, items.c.first <= number, items.c.first + items.c.size > number
        )
        row = self._connection.execute(query).first()
        if row is None:
            return None
        recovery, first, keys, values = row
        return SliceView(sequence, recovery, first, None if keys is None else json.loads(keys), json.loads(values))

    def iteration_number(self, run: RunView, scope: str, sequence: str) -> int | None:
        """Which iteration of its loop stands at the sequence, from 1; None where none has begun there."""
        iterations = t.iterations
        query = select(iterations.c.number).where(
            iterations.c.run == run.id, iterations.c.scope == scope, iterations.c.sequence == sequence
        )
        found: int | None = self._connection.execute(query.order_by(iterations.c.recovery.desc()).limit(1)).scalar()
        return found

    def facts(self, run: RunView, recovery: int) -> Iterator[tuple[str, str, float]]:
        """The events that came in a recovery: name, sequence and time."""
        facts = t.facts
        query = select(facts.c.event, facts.c.sequence, facts.c.at)
        for row in self._connection.execute(query.where(facts.c.run == run.id, facts.c.recovery == recovery)):
            yield row.event, row.sequence, row.at

    def outstanding(self, run: RunView) -> tuple[int, float | None]:
        """How many tasks and delays are not over, retries among them, and when the next of them is due.

        A run that an engine has left has this on record; of any other, it is counted.
        """
        if run.ended is not None or run.verdict is Verdict.pending:
            return run.todos, run.next_due
        tasks, steps = t.tasks, self.program(run).steps
        containers = [step.name for step in steps if step.role is Role.container]
        query = select(func.count(), func.min(tasks.c.due)).where(
            tasks.c.run == run.id, tasks.c.recovery == run.recovery,
            tasks.c.status.in_([TaskStatus.ready.value, TaskStatus.active.value]), tasks.c.step.not_in(containers),
        )  # fmt: skip
        open_tasks, retry = self._connection.execute(query).one()
        delays, delay = self.next_delay(run)
        return open_tasks + delays, min((due for due in (retry, delay) if due is not None), default=None)

    def next_delay(self, run: RunView) -> tuple[int, float | None]:
        """How many delays are on their way, and when the next is due."""
        delays = t.delays
        query = select(func.count(), func.min(delays.c.due)).where(
            delays.c.run == run.id, delays.c.recovery == run.recovery, delays.c.over == 0
        )
        count, due = self._connection.execute(query).one()
        return count, due


_last_read: ContextVar[str | None] = ContextVar("eventcore_last_read", default=None)


def damage_last_read() -> StoreError | None:
    """What is wrong with the store that was read last, for an error that came up after it was closed; else None."""
    location = _last_read.get()
    if location is None:
        return None
    try:
        with reading(location) as reader:
            found = damage(reader.connection)
    except StoreError as error:
        return error
    return None if found is None else damaged(shared_backend(location), found)


@contextmanager
def reading(location: str) -> Iterator[Reader]:
    """Open a store that is there for reading; raises `StoreError`."""
    location = withheld(location)
    backend = shared_backend(location)
    _last_read.set(location)
    with reported(location):
        database = open_database(location, create=False)
        try:
            with database.connect() as connection:
                connection.exec_driver_sql(backend.begin_read)  # everything that is read belongs to one moment
                with diagnosed(connection):
                    yield Reader(connection, location)
        finally:
            database.dispose()


def _reached(task: TaskView) -> tuple[int, float, float]:
    return task.recovery, task.created, task.started or 0.0
