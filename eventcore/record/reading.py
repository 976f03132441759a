"""Reading runs from a store, also while an engine writes to it: readers neither wait nor make anybody wait.

Nothing here needs the user's program: a run carries what it ran as data.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, func, select

from eventcore.define.status import TaskStatus, Verdict
from eventcore.errors import RunNotFoundError, StoreError
from eventcore.record import lease
from eventcore.record import schema as t
from eventcore.record.backend import backend_at
from eventcore.record.database import open_database, reported
from eventcore.record.registry import backend_of
from eventcore.record.whose import own_latest


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it stands in its latest recovery; times are UTC in seconds since 1970."""

    id: int
    run_id: str
    program: str
    source: str | None
    recovery: int
    created: float
    started: float
    ended: float | None
    verdict: Verdict
    is_held: bool  #: an engine is working on it
    holder: str | None  #: that engine, as `process 4711 on host`
    todos: int
    next_due: float | None
    stalled: list[str]
    not_reached: list[str]
    is_paused: bool = False
    user: str = ""  #: who started it
    host: str = ""  #: where

    @property
    def state(self) -> str:
        """The verdict, `paused`, or `interrupted` where an engine is gone without leaving a verdict."""
        if self.is_paused and self.verdict in (Verdict.running, Verdict.pending):
            return "paused"
        if self.verdict is Verdict.running and not self.is_held:
            return "interrupted"
        return self.verdict.value

    @property
    def origin(self) -> dict[str, Any]:
        """How the shell finds the program again, and where its steps log: `target`, `parameters`, `logdir` if known."""
        found = json.loads(self.source) if self.source else {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class RecoveryView:
    """One time that a run was started or recovered."""

    recovery: int
    started: float
    ended: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task as one recovery left it."""

    step: str
    sequence: str
    recovery: int
    status: TaskStatus
    try_number: int
    created: float
    started: float | None
    ended: float | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try of a task."""

    step: str
    sequence: str
    recovery: int
    try_number: int
    status: TaskStatus
    started: float | None
    ended: float | None
    error: str | None
    traceback: str | None


@dataclass(frozen=True, slots=True)
class ResultView:
    """What a task returned, as tagged JSON: its beginning, or the name of the file that has it."""

    step: str
    sequence: str
    recovery: int
    text: str | None
    size: int  #: characters in the store; 0 where a file has it
    file: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """The instances of one step, counted by their latest status."""

    counts: dict[TaskStatus, int]
    started: float | None
    ended: float | None
    seconds: float  #: what its instances took, all together
    tries: int = 1  #: the most that one of them took

    @property
    def total(self) -> int:
        """All instances that were reached."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One task in its latest recovery, with the last attempt that failed."""

    step: str
    sequence: str
    recovery: int
    status: TaskStatus
    try_number: int
    due: float | None
    started: float | None
    ended: float | None
    error: str | None
    traceback: str | None


class Reader:
    """Reads one store; made by `reading`."""

    def __init__(self, connection: Connection, location: str) -> None:
        self._connection = connection
        self.location = location

    @property
    def connection(self) -> Connection:
        """What it reads through."""
        return self._connection

    def runs(self, now: float, program: str | None = None) -> list[RunView]:
        """All runs, or those of a program, the latest first."""
        query = select(
            t.runs,
            _last_word_on_pausing(),
            t.recoveries.c.started,
            t.recoveries.c.ended,
            t.recoveries.c.verdict,
            t.recoveries.c.report,
        )
        query = query.join(
            t.recoveries, (t.recoveries.c.run == t.runs.c.id) & (t.recoveries.c.recovery == t.runs.c.recovery)
        ).order_by(t.runs.c.id.desc())
        if program is not None:
            query = query.where(t.runs.c.program == program)
        now = backend_at(self._connection).lease_time(self._connection, now)
        return [_run_view(row, now) for row in self._connection.execute(query)]

    def run(self, run_id: str | None, now: float, program: str | None = None) -> RunView:
        """The named run, or the user's latest, of a program where one is named; raises `RunNotFoundError`."""
        if run_id is None:
            key = own_latest(self._connection, program, self.location)
            return next(view for view in self.runs(now) if view.id == key)
        for view in self.runs(now):
            if view.run_id == run_id:
                return view
        raise RunNotFoundError(
            f"store {self.location} has no run {run_id!r}; `sequent runs {self.location}` lists them"
        )

    def document(self, run: RunView) -> dict[str, Any]:
        """The program that the run executes, as data (see `eventcore.define.document`)."""
        query = (
            select(t.programs.c.document)
            .join(t.recoveries, t.recoveries.c.program_id == t.programs.c.id)
            .where(t.recoveries.c.run == run.id, t.recoveries.c.recovery == run.recovery)
        )
        document: dict[str, Any] = json.loads(self._connection.execute(query).scalar_one())
        return document

    def tallies(self, run: RunView) -> dict[str, Tally]:
        """Each step's instances, counted by the status of their latest recovery; keyed by the kernel's step name."""
        tasks, latest = t.tasks, self._latest(run)
        spent = func.sum(func.coalesce(tasks.c.ended, tasks.c.started) - tasks.c.started)
        most = func.max(tasks.c["try"])
        query = (
            select(
                tasks.c.step,
                tasks.c.status,
                func.count(),
                func.min(tasks.c.started),
                func.max(tasks.c.ended),
                spent,
                most,
            )
            .join(latest, _same_task(tasks, latest))
            .where(tasks.c.run == run.id)
            .group_by(tasks.c.step, tasks.c.status)
        )
        found: dict[str, Tally] = {}
        for step, status, count, started, ended, seconds, tries in self._connection.execute(query):
            known = found.get(step, Tally({}, None, None, 0.0))
            found[step] = Tally(
                {**known.counts, TaskStatus(status): count},
                min((x for x in (known.started, started) if x is not None), default=None),
                max((x for x in (known.ended, ended) if x is not None), default=None),
                known.seconds + (seconds or 0.0),
                max(known.tries, tries or 1),
            )
        return found

    def instances(self, run: RunView, *, step: str | None = None, sequence: str | None = None,
                  statuses: tuple[TaskStatus, ...] = (), limit: int = 1000) -> list[InstanceView]:  # fmt: skip
        """Tasks in their latest recovery, in the order in which they were reached."""
        tasks, attempts, latest = t.tasks, t.attempts, self._latest(run)
        query = (
            select(tasks, attempts.c.error, attempts.c.traceback)
            .join(latest, _same_task(tasks, latest))
            .outerjoin(
                attempts,
                (attempts.c.run == tasks.c.run) & _same_task(attempts, tasks) & (attempts.c["try"] == tasks.c["try"]),
            )
            .where(tasks.c.run == run.id)
            .order_by(tasks.c.created, tasks.c.started)
            .limit(limit)
        )
        if step is not None:
            query = query.where(tasks.c.step == step)
        if sequence is not None:
            query = query.where(tasks.c.sequence == sequence)
        if statuses:
            query = query.where(tasks.c.status.in_([status.value for status in statuses]))
        return [
            InstanceView(
                row.step, row.sequence, row.recovery, TaskStatus(row.status), row._mapping["try"], row.due, row.started,
                row.ended, row.error, row.traceback,
            )
            for row in self._connection.execute(query)
        ]  # fmt: skip

    def recoveries(self, run: RunView) -> list[RecoveryView]:
        """Each time the run was started or recovered, the first first."""
        recoveries = t.recoveries
        query = select(recoveries).where(recoveries.c.run == run.id).order_by(recoveries.c.recovery)
        return [
            RecoveryView(row.recovery, row.started, row.ended, Verdict(row.verdict))
            for row in self._connection.execute(query)
        ]

    def task_count(self, run: RunView, steps: Collection[str]) -> int:
        """How many tasks the steps have in all recoveries."""
        tasks = t.tasks
        query = select(tasks.c.step, func.count()).where(tasks.c.run == run.id).group_by(tasks.c.step)
        return sum(count for step, count in self._connection.execute(query) if step in steps)

    def tasks(self, run: RunView, steps: Collection[str], limit: int) -> list[TaskView]:
        """The tasks of the steps in all recoveries, as they were reached; beyond `limit`, failures and the latest."""
        tasks = t.tasks
        over = case((tasks.c.status.in_(["success", "skipped"]), 1), else_=0)
        columns = ("step", "sequence", "recovery", "status", "try", "created", "started", "ended")
        query = (
            select(*(tasks.c[name] for name in columns))
            .where(tasks.c.run == run.id)
            .order_by(over, tasks.c.recovery.desc(), tasks.c.created.desc(), tasks.c.sequence)
        )
        status = {status.value: status for status in TaskStatus}
        found: list[TaskView] = []
        for step, sequence, recovery, word, *rest in self._connection.execute(query):
            if step in steps:
                found.append(TaskView(step, sequence, recovery, status[word], *rest))
                if len(found) == limit:
                    break
        return sorted(found, key=lambda task: (task.recovery, task.created or 0.0, task.started or 0.0))

    def attempts(self, run: RunView) -> Iterator[AttemptView]:
        """The tries that say more than their task does: those that failed, and those after the first."""
        attempts = t.attempts
        query = (
            select(attempts)
            .where(attempts.c.run == run.id, (attempts.c.status != "success") | (attempts.c["try"] > 1))
            .order_by(attempts.c.recovery, attempts.c["try"])
        )
        for row in self._connection.execution_options(yield_per=1000).execute(query):
            yield AttemptView(
                row.step, row.sequence, row.recovery, row._mapping["try"], TaskStatus(row.status), row.started,
                row.ended, row.error, row.traceback,
            )  # fmt: skip

    def results(self, run: RunView, limit: int, *, step: str | None = None) -> Iterator[ResultView]:
        """What tasks returned, or those of one step; of each, the first `limit` characters."""
        results = t.results
        columns = (results.c.step, results.c.sequence, results.c.recovery)
        text, size = func.substr(results.c.value, 1, limit), func.coalesce(func.length(results.c.value), 0)
        query = select(*columns, text, size, results.c.file).where(results.c.run == run.id)
        if step is not None:
            query = query.where(results.c.step == step)
        for row in self._connection.execution_options(yield_per=1000).execute(query):
            yield ResultView(*row)

    def facts(self, run: RunView, recovery: int) -> Iterator[tuple[str, str, float]]:
        """The events that came in a recovery: name, sequence and time."""
        facts = t.facts
        query = select(facts.c.event, facts.c.sequence, facts.c.at)
        for row in self._connection.execute(query.where(facts.c.run == run.id, facts.c.recovery == recovery)):
            yield row.event, row.sequence, row.at

    def next_delay(self, run: RunView) -> tuple[int, float | None]:
        """How many delays are on their way, and when the next is due."""
        delays = t.delays
        query = select(func.count(), func.min(delays.c.due)).where(
            delays.c.run == run.id, delays.c.recovery == run.recovery, delays.c.over == 0
        )
        count, due = self._connection.execute(query).one()
        return count, due

    def _latest(self, run: RunView) -> Any:
        tasks = t.tasks
        return (
            select(tasks.c.step, tasks.c.sequence, func.max(tasks.c.recovery).label("recovery"))
            .where(tasks.c.run == run.id)
            .group_by(tasks.c.step, tasks.c.sequence)
            .subquery()
        )


@contextmanager
def reading(location: str) -> Iterator[Reader]:
    """Open a store that is there for reading; raises `StoreError`."""
    backend = backend_of(location)
    if not backend.is_shared:
        raise StoreError(f"store {backend.name} can be read by the program that runs it only; give the run a file")
    with reported(location):
        database = open_database(location, create=False)
        try:
            with database.connect() as connection:
                connection.exec_driver_sql(backend.begin_read)  # everything that is read belongs to one moment
                yield Reader(connection, location)
        finally:
            database.dispose()


def _same_task(one: Any, other: Any) -> Any:
    return (one.c.step == other.c.step) & (one.c.sequence == other.c.sequence) & (one.c.recovery == other.c.recovery)


def _last_word_on_pausing() -> Any:
    asked = t.requests
    return (
        select(asked.c.verb)
        .where(asked.c.run == t.runs.c.id, asked.c.verb.in_(["pause", "resume"]), asked.c.taken_at.is_not(None))
        .order_by(asked.c.id.desc())
        .limit(1)
        .scalar_subquery()
        .label("last_word")
    )


def _run_view(row: Any, now: float) -> RunView:
    said = json.loads(row.report) if row.report else {}
    held = lease.is_held(row, now)
    return RunView(
        row.id, row.run_id, row.program, row.source, row.recovery, row.created, row.started, row.ended,
        Verdict(row.verdict), held, f"process {row.holder_pid} on {row.holder_host}" if held else None,
        said.get("todos", 0), said.get("next_due"), said.get("stalled", []), said.get("not_reached", []),
        row.last_word == "pause", row.user, row.host,
    )  # fmt: skip
