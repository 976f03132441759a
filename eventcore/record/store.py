"""The store of runs, as an engine uses it: finding and making runs, their leases, and what it must read to go on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, Table, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from eventcore.decide.recovery import CLOSED, CLOSED_CLEAN
from eventcore.decide.restoring import Snapshot, StoredTask
from eventcore.decide.state import History, Past, Task
from eventcore.define.status import TaskStatus, Verdict
from eventcore.errors import RunExistsError, RunNotFoundError
from eventcore.record import lease
from eventcore.record import schema as t
from eventcore.record.backend import backend_at
from eventcore.record.database import open_database, reported, transaction
from eventcore.record.turns import TurnWriter


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the store lists it."""

    id: int
    run_id: str
    program: str
    recovery: int
    source: str | None


class Store:
    """One open store; used by one thread. `close` it, or use it as a context manager."""

    def __init__(self, location: str, durability: str = "full", *, create: bool = True) -> None:
        self.location = location
        self._database = open_database(location, durability, create=create)
        self._connection: Connection = self._database.connect()
        self.backend = backend_at(self._connection)

    @property
    def connection(self) -> Connection:
        """The store's one connection, for reads."""
        return self._connection

    def close(self) -> None:
        """Let the database go; calling again does nothing."""
        self._connection.close()
        self._database.dispose()

    # runs

    def find_run(self, program: str | None, run_id: str | None) -> RunRow:
        """The named run, or the program's latest; raises `RunNotFoundError` where there is none."""
        query = select(t.runs).order_by(t.runs.c.id.desc()).limit(1)
        if run_id:
            query = query.where(t.runs.c.run_id == run_id)
        elif program is not None:
            query = query.where(t.runs.c.program == program)
        row = self._connection.execute(query).first()
        if row is None:
            wanted = f"run {run_id!r}" if run_id else f"run of program {program!r}" if program else "run"
            raise RunNotFoundError(
                f"store {self.location} has no {wanted}: there is nothing to recover or continue; run the program first"
            )
        return RunRow(row.id, row.run_id, row.program, row.recovery, row.source)

    def create_run(self, run_id: str, program: str, source: str | None, document: str, holder: lease.Holder,
                   term: float, now: float) -> RunRow:  # fmt: skip
        """Make a new run and take its lease; raises `RunExistsError` where the id is taken."""
        with transaction(self._connection) as connection:
            values = {"run_id": run_id, "program": program, "source": source, "recovery": 0, "created": now}
            try:
                made = connection.execute(insert(t.runs).values(**values))
            except IntegrityError:
                raise RunExistsError(
                    f"store {self.location} has a run {run_id!r} already; recover it, or choose another run id"
                ) from None
            run = _new_id(made)
            lease.take(connection, run, holder, term, now)
            self._enter(connection, run, 0, -1, document, now)
        return RunRow(run, run_id, program, 0, source)

    def enter_recovery(self, row: RunRow, looks_back_to: int | None, rerun: str | None, source: str | None,
                       document: str, holder: lease.Holder, term: float, now: float) -> RunRow:  # fmt: skip
        """Take the run's lease and begin its next recovery.

        It counts recoveries up to `looks_back_to` as history, and `rerun` says what of it runs again all the same.
        """
        with transaction(self._connection) as connection:
            lease.take(connection, row.id, holder, term, now)
            recovery = connection.execute(select(t.runs.c.recovery).where(t.runs.c.id == row.id)).scalar_one() + 1
            changed = {"recovery": recovery} | ({"source": source} if source is not None else {})
            connection.execute(update(t.runs).where(t.runs.c.id == row.id).values(**changed))
            looks_back_to = recovery - 1 if looks_back_to is None else looks_back_to
            self._enter(connection, row.id, recovery, looks_back_to, document, now, rerun)
        return RunRow(row.id, row.run_id, row.program, recovery, row.source)

    def enter_again(self, row: RunRow, document: str, holder: lease.Holder, term: float, now: float) -> RunRow:
        """Take the run's lease and go on with its present recovery."""
        recoveries = t.recoveries
        with transaction(self._connection) as connection:
            lease.take(connection, row.id, holder, term, now)
            recovery = connection.execute(select(t.runs.c.recovery).where(t.runs.c.id == row.id)).scalar_one()
            connection.execute(
                update(recoveries)
                .where(recoveries.c.run == row.id, recoveries.c.recovery == recovery)
                .values(program_id=self._program(connection, document), verdict=Verdict.running.value, ended=None)
            )
        return RunRow(row.id, row.run_id, row.program, recovery, row.source)

    def _enter(self, connection: Connection, run: int, recovery: int, looks_back_to: int, document: str,
               now: float, rerun: str | None = None) -> None:  # fmt: skip
        connection.execute(
            insert(t.recoveries).values(
                run=run, recovery=recovery, program_id=self._program(connection, document), started=now,
                verdict=Verdict.running.value, looks_back_to=looks_back_to, rerun=rerun,
            )
        )  # fmt: skip

    def _program(self, connection: Connection, document: str) -> int:
        digest = sha256(document.encode()).hexdigest()
        found = connection.execute(select(t.programs.c.id).where(t.programs.c.digest == digest)).scalar()
        if found is not None:
            return int(found)
        made = connection.execute(insert(t.programs).values(digest=digest, document=document))
        return _new_id(made)

    def leave_run(
        self, row: RunRow, holder: lease.Holder, verdict: Verdict, report: Mapping[str, Any], now: float
    ) -> None:
        """Record how the run stands and give up its lease."""
        recoveries = t.recoveries
        ended = None if verdict in (Verdict.running, Verdict.pending) else now
        with reported(self.location), transaction(self._connection) as connection:
            if not lease.beat(connection, row.id, holder, now):
                return
            connection.execute(
                update(recoveries)
                .where(recoveries.c.run == row.id, recoveries.c.recovery == row.recovery)
                .values(verdict=verdict.value, report=json.dumps(report), ended=ended)
            )
            lease.give_up(connection, row.id, holder)

    def beat(self, row: RunRow, holder: lease.Holder, now: float) -> bool:
        """Renew the lease through a connection of its own, from whichever thread; False when it is lost."""
        with self._database.connect() as connection:
            return lease.beat(connection, row.id, holder, now)

    def writer(self, row: RunRow, holder: lease.Holder, max_result_size: int) -> TurnWriter:
        """What records the turns of an engine that holds the run."""

        def offload(task: Task, text: str) -> str | None:
            if len(text) <= max_result_size:
                return None
            return self.backend.keep_result(row.run_id, (task.step.name, task.sequence, row.recovery), text)

        return TurnWriter(self._connection, row.id, row.recovery, holder.token, offload)

    # what an engine must know to go on

    def document(self, row: RunRow, recovery: int) -> str:
        """The program of a recovery, as stored."""
        query = (
            select(t.programs.c.document)
            .join(t.recoveries, t.recoveries.c.program_id == t.programs.c.id)
            .where(t.recoveries.c.run == row.id, t.recoveries.c.recovery == recovery)
        )
        return str(self._connection.execute(query).scalar_one())

    def has_history(self, row: RunRow, steps: list[str]) -> list[str]:
        """Those of the steps that the run has tasks of."""
        tasks = t.tasks
        query = select(tasks.c.step).where(tasks.c.run == row.id, tasks.c.step.in_(steps)).distinct()
        return sorted(self._connection.execute(query).scalars())

    def history(self, row: RunRow, upto: int, *, walk_all: bool) -> History:
        """What recoveries 0 to `upto` left; without `walk_all`, the inside of what ended clean is passed over."""
        tasks, delays = t.tasks, t.delays
        closing = tasks.alias()
        query = (
            select(*(tasks.c[name] for name in ("step", "sequence", "status", "recovery", "memo", "started", "ended")))
            .where(tasks.c.run == row.id, tasks.c.recovery <= upto)
            .order_by(tasks.c.recovery)
        )
        if not walk_all:
            query = query.where(
                ~select(closing.c.run)
                .where(
                    closing.c.run == tasks.c.run, closing.c.sequence == tasks.c.sequence,
                    closing.c.scope == tasks.c.scope, closing.c.memo == CLOSED_CLEAN, closing.c.recovery <= upto,
                )
                .exists()
            )  # fmt: skip
        status = {status.value: status for status in TaskStatus}
        past = {
            (step, sequence): Past(status[word], *rest)
            for step, sequence, word, *rest in self._connection.execute(query)
        }
        waits = (
            select(delays.c.association, delays.c.sequence, delays.c.due)
            .where(delays.c.run == row.id, delays.c.recovery <= upto)
            .order_by(delays.c.recovery)
        )
        due = {(name, sequence): when for name, sequence, when in self._connection.execute(waits)}
        return History(past, due, same_program=not walk_all)

    def looks_back_to(self, row: RunRow) -> tuple[int, str | None]:
        """The latest earlier recovery that counts as history for the present one, -1 for none; and its `rerun`."""
        recoveries = t.recoveries
        query = select(recoveries.c.looks_back_to, recoveries.c.rerun).where(
            recoveries.c.run == row.id, recoveries.c.recovery == row.recovery
        )
        found = self._connection.execute(query).one()
        return found.looks_back_to, found.rerun

    def same_program_so_far(self, row: RunRow, upto: int, document: str) -> bool:
        """Whether recoveries 0 to `upto` all ran exactly this program."""
        digest = sha256(document.encode()).hexdigest()
        query = (
            select(func.count())
            .select_from(t.recoveries.join(t.programs, t.recoveries.c.program_id == t.programs.c.id))
            .where(t.recoveries.c.run == row.id, t.recoveries.c.recovery <= upto, t.programs.c.digest != digest)
        )
        return self._connection.execute(query).scalar_one() == 0

    def snapshot(self, row: RunRow) -> Snapshot:
        """The present recovery as it stands, without the cells that are closed for good."""
        facts, tasks, delays = t.facts, t.tasks, t.delays
        closing = tasks.alias()

        def still_open(table: Any) -> Any:
            return (
                ~select(closing.c.run)
                .where(
                    closing.c.run == table.c.run, closing.c.sequence == table.c.sequence,
                    closing.c.scope == table.c.scope, closing.c.recovery == table.c.recovery,
                    closing.c.memo.in_([CLOSED, CLOSED_CLEAN]),
                )
                .exists()
            )  # fmt: skip

        def mine(table: Any) -> Any:
            return (table.c.run == row.id) & (table.c.recovery == row.recovery)

        read = self._connection.execute
        fact_rows = read(select(facts.c.event, facts.c.sequence).where(mine(facts), still_open(facts)))
        lost = (
            select(func.count())
            .where(_same_task(t.attempts, tasks), t.attempts.c.run == row.id, t.attempts.c.status == "cancelled")
            .scalar_subquery()
        )
        columns = [tasks.c[name] for name in ("step", "sequence", "status", "try", "due", "started", "memo")]
        task_rows = read(select(*columns, lost).where(mine(tasks), still_open(tasks)))
        waits = read(
            select(delays.c.association, delays.c.sequence, delays.c.due).where(mine(delays), delays.c.over == 0)
        )
        over = read(
            select(tasks.c.step, tasks.c.status, func.count())
            .where(mine(tasks), tasks.c.status.not_in(["ready", "active"]))
            .group_by(tasks.c.step, tasks.c.status)
        )
        return Snapshot(
            facts=[(event, sequence) for event, sequence in fact_rows],
            tasks=[StoredTask(step, seq, TaskStatus(word), *rest) for step, seq, word, *rest in task_rows],
            delays=[(name, sequence, due) for name, sequence, due in waits],
            over=[(step, TaskStatus(word), count) for step, word, count in over],
        )

    def result(self, row: RunRow, step: str, sequence: str) -> str | None:
        """A task's result as tagged JSON: that of its latest recovery, None where it is not done there."""
        tasks, results = t.tasks, t.results
        same = and_(*(results.c[name] == tasks.c[name] for name in ("run", "sequence", "step", "recovery")))
        query = (
            select(tasks.c.status, results.c.value, results.c.file)
            .select_from(tasks.outerjoin(results, same))
            .where(tasks.c.run == row.id, tasks.c.sequence == sequence, tasks.c.step == step)
            .order_by(tasks.c.recovery.desc())
            .limit(1)
        )
        found = self._connection.execute(query).first()
        if found is None or not TaskStatus(found.status).is_done:
            return None
        if found.file is not None:
            return self.backend.kept_result(row.run_id, str(found.file))
        return None if found.value is None else str(found.value)

    def clean_iterations(self, row: RunRow, step: str, sequence: str) -> set[str]:
        """The sequences below `sequence` at which a control step ended clean."""
        tasks = t.tasks
        query = select(tasks.c.sequence).where(
            tasks.c.run == row.id, tasks.c.sequence > f"{sequence}.", tasks.c.sequence < f"{sequence}/",
            tasks.c.step == step, tasks.c.memo == CLOSED_CLEAN, tasks.c.recovery < row.recovery,
        )  # fmt: skip
        return set(self._connection.execute(query).scalars())

    def cell(self, row: RunRow, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        """One cell of the present recovery: its facts, its tasks."""
        facts, tasks = t.facts, t.tasks
        events = self._connection.execute(
            select(facts.c.event).where(
                facts.c.run == row.id, facts.c.sequence == sequence, facts.c.scope == scope,
                facts.c.recovery == row.recovery,
            )
        ).scalars()  # fmt: skip
        rows = self._connection.execute(
            select(tasks.c.step, tasks.c.status).where(
                tasks.c.run == row.id, tasks.c.sequence == sequence, tasks.c.scope == scope,
                tasks.c.recovery == row.recovery,
            )
        )  # fmt: skip
        return list(events), [(step, TaskStatus(status)) for step, status in rows]

    def unraised(self, row: RunRow, triggers: Iterable[tuple[str, str]]) -> int:
        """How many of the triggers (event, sequence) are no facts of the present recovery yet."""
        facts, wanted = t.facts, set(triggers)
        query = select(facts.c.event, facts.c.sequence).where(
            facts.c.run == row.id, facts.c.recovery == row.recovery, facts.c.event.in_({event for event, _ in wanted})
        )
        return len(wanted.difference((event, sequence) for event, sequence in self._connection.execute(query)))

    def todos(self, row: RunRow, control: set[str]) -> tuple[int, float | None]:
        """How many tasks (the steps of `control` apart) and delays are outstanding, and when the next is due."""
        tasks, delays = t.tasks, t.delays
        mine = (tasks.c.run == row.id) & (tasks.c.recovery == row.recovery) & tasks.c.status.in_(["ready", "active"])
        open_tasks = list(self._connection.execute(select(tasks.c.step, tasks.c.due).where(mine)))
        waits = self._connection.execute(
            select(delays.c.due).where(delays.c.run == row.id, delays.c.recovery == row.recovery, delays.c.over == 0)
        ).scalars().all()  # fmt: skip
        due = [when for _, when in open_tasks if when is not None] + list(waits)
        return sum(step not in control for step, _ in open_tasks) + len(waits), min(due, default=None)


def _same_task(one: Table, other: Table) -> ColumnElement[bool]:
    """Whether rows of two tables speak of the same task, within one run."""
    return and_(*(one.c[name] == other.c[name] for name in ("step", "sequence", "recovery")))


def _new_id(made: CursorResult[Any]) -> int:
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def opened(location: str, durability: str = "full", *, create: bool = True) -> Store:
    """Open a store; the driver's errors come as `StoreError`."""
    with reported(location):
        return Store(location, durability, create=create)
