"""The store of runs, as an engine uses it: finding and making runs, their leases, and what it must read to go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, CursorResult, Select, and_, false, insert, select, update
from sqlalchemy.exc import IntegrityError

from eventcore.decide.rerunning import Rerun
from eventcore.define.passwords import withheld
from eventcore.define.program import Program
from eventcore.define.sequence import is_name
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.values import Content
from eventcore.errors import RunExistsError, RunHeldError, RunNotFoundError
from eventcore.record import identity, lease, pools, requests, reruns, units
from eventcore.record import schema as t
from eventcore.record.backend import backend_at
from eventcore.record.database import open_database, reported, transaction
from eventcore.record.latest import is_inside, is_latest
from eventcore.record.patience import PatientConnection, patience_of
from eventcore.record.rows import RunRow
from eventcore.record.turns import TurnWriter
from eventcore.record.units import Exchange
from eventcore.record.whose import own_latest, unknown_run


class Store:
    """One open store, for use by one thread; `close` it when done."""

    def __init__(self, location: str, durability: str = "full", *, create: bool = True) -> None:
        self.location = withheld(location)
        self._database = open_database(self.location, durability, create=create)
        backend = self.backend = backend_at(self._database)
        self._connection: Connection = (
            PatientConnection(self._database) if backend.is_remote else self._database.connect()
        )
        self.patience = patience_of(self._connection)
        self._shares = False  #: whether the program at work has pools that other runs share

    @property
    def connection(self) -> Connection:
        """The store's one connection, for reads."""
        return self._connection

    @property
    def address(self) -> str:
        """How other processes find the store, without a password; empty for one that they cannot open."""
        file = self.backend.file
        if not self.backend.is_shared:
            return ""
        return self.location if file is None or "://" in self.location else str(file.absolute())

    def close(self) -> None:
        """Let the database go; calling again does nothing."""
        self._connection.close()
        self._database.dispose()

    # runs

    def find_run(self, program: str | None, run_id: str | None) -> RunRow:
        """The named run, or the user's latest of the program; raises `RunNotFoundError` where there is none."""
        if run_id:
            wanted = t.runs.c.run_id == run_id if is_name(run_id) else false()  # a server could not be asked for it
        else:
            wanted = t.runs.c.id == own_latest(self._connection, program, self.location)
        row = self._connection.execute(select(t.runs).where(wanted)).first()
        if row is None:
            raise RunNotFoundError(unknown_run(self.location, run_id))
        return RunRow(row.id, row.run_id, row.program, row.recovery, row.source, row.turn)

    def create_run(self, run_id: str, program: str, source: str | None, document: str, holder: lease.Holder,
                   term: float, now: float, *, alone: bool = False) -> RunRow:  # fmt: skip
        """Make a new run and take its lease; raises `RunExistsError` where the id is taken.

        With `alone`, it raises `UnderWayError` where a living engine works on another of the user's runs of it.
        """
        make = partial(self._create_run, run_id, program, source, document, holder, term, now, alone=alone)
        return self._entered(holder, make)

    def _create_run(self, run_id: str, program: str, source: str | None, document: str, holder: lease.Holder,
                    term: float, now: float, *, alone: bool) -> RunRow:  # fmt: skip
        with transaction(self._connection) as connection:
            if alone:
                lease.check_alone(connection, program, now)
            run = self._insert(connection, run_id, program, source, now, submitted=False)
            turn = lease.take(connection, run, holder, term, now)
            self._enter(connection, run, 0, -1, document, now)
        return RunRow(run, run_id, program, 0, source, turn)

    def submit_run(self, run_id: str, program: str, source: str, document: str, now: float) -> RunRow:
        """Make a new run that engines are to begin; raises `RunExistsError` where the id is taken."""
        with transaction(self._connection) as connection:
            run = self._insert(connection, run_id, program, source, now, submitted=True)
            self._enter(connection, run, 0, -1, document, now, verdict=Verdict.submitted)
        return RunRow(run, run_id, program, 0, source)

    def _insert(self, connection: Connection, run_id: str, program: str, source: str | None, now: float, *,
                submitted: bool) -> int:  # fmt: skip
        values = {"run_id": run_id, "program": program, "source": source, "recovery": 0, "created": now}
        whose = {"user": identity.user(), "host": identity.host(), "submitted": submitted}
        try:
            return _new_id(connection.execute(insert(t.runs).values(**values, **whose)))
        except IntegrityError:
            raise RunExistsError(
                f"store {self.location} already has a run {run_id!r}; recover it, or choose another run id"
            ) from None

    def enter_recovery(self, row: RunRow, looks_back_to: int | None, rerun: Rerun | None, source: str | None,
                       document: str, holder: lease.Holder, term: float, now: float,
                       asked: int | None = None) -> RunRow:  # fmt: skip
        """Take the run's lease and begin its next recovery.

        It counts recoveries up to `looks_back_to` as history, and `rerun` says what of it runs again all the same;
        `asked` is the request for that, made here where there is none.
        """
        enter = partial(self._enter_recovery, row, looks_back_to, rerun, source, document, holder, term, now, asked)
        return self._entered(holder, enter)

    def _enter_recovery(self, row: RunRow, looks_back_to: int | None, rerun: Rerun | None, source: str | None,
                        document: str, holder: lease.Holder, term: float, now: float,
                        asked: int | None) -> RunRow:  # fmt: skip
        with transaction(self._connection) as connection:
            turn = lease.take(connection, row.id, holder, term, now)
            units.free(connection, row.id)
            recovery = connection.execute(select(t.runs.c.recovery).where(t.runs.c.id == row.id)).scalar_one() + 1
            changed = {"recovery": recovery} | ({"source": source} if source is not None else {})
            connection.execute(update(t.runs).where(t.runs.c.id == row.id).values(**changed))
            looks_back_to = recovery - 1 if looks_back_to is None else looks_back_to
            text = None if rerun is None else msgspec.json.encode(rerun).decode()
            self._enter(connection, row.id, recovery, looks_back_to, document, now, text)
            requests.settle_outdated(connection, row.id, recovery - 1, now)
            reruns.settle(connection, row.id, recovery - 1, None, now)
            if rerun is not None:
                reruns.begin(connection, row.id, asked, rerun, recovery, now)
        return RunRow(row.id, row.run_id, row.program, recovery, row.source, turn)

    def enter_again(self, row: RunRow, document: str, holder: lease.Holder, term: float, now: float,
                    source: str | None = None) -> RunRow:  # fmt: skip
        """Take the run's lease and go on with its present recovery; a submitted run begins, loaded from `source`."""
        return self._entered(holder, partial(self._enter_again, row, document, holder, term, now, source))

    def _enter_again(self, row: RunRow, document: str, holder: lease.Holder, term: float, now: float,
                     source: str | None) -> RunRow:  # fmt: skip
        recoveries = t.recoveries
        with transaction(self._connection) as connection:
            turn = lease.take(connection, row.id, holder, term, now)
            units.free(connection, row.id)
            recovery = connection.execute(select(t.runs.c.recovery).where(t.runs.c.id == row.id)).scalar_one()
            present = recoveries.c.run == row.id, recoveries.c.recovery == recovery
            program = self._program(connection, document)
            is_new = select(recoveries.c.verdict).where(*present)
            if connection.execute(is_new).scalar_one() == Verdict.submitted.value:
                connection.execute(update(recoveries).where(*present).values(program_id=program, started=now))
                connection.execute(update(t.runs).where(t.runs.c.id == row.id).values(source=source or row.source))
            connection.execute(
                update(recoveries)
                .where(*present)
                .ordered_values(  # MariaDB assigns one after another: what looks at the old program goes first
                    (recoveries.c.mixed, recoveries.c.mixed | (recoveries.c.program_id != program)),
                    (recoveries.c.program_id, program),
                    (recoveries.c.verdict, Verdict.running.value),
                    (recoveries.c.ended, None),
                )
            )
        return RunRow(row.id, row.run_id, row.program, recovery, row.source, turn)

    def _entered(self, holder: lease.Holder, enter: Callable[[], RunRow]) -> RunRow:
        """Enter a run once, also where the database goes away before it has answered."""

        def work(again: bool) -> RunRow:
            if again:
                self.backend.note_start(self._connection)
            found = self._held_by(holder) if again else None
            if found is not None:
                return found
            try:
                return enter()
            except (RunExistsError, RunHeldError):
                found = self._held_by(holder) if again else None
                if found is None:
                    raise
                return found

        return self.patience.tried(work)

    def _held_by(self, holder: lease.Holder) -> RunRow | None:
        row = self._connection.execute(select(t.runs).where(t.runs.c.holder == holder.token)).first()
        return None if row is None else RunRow(row.id, row.run_id, row.program, row.recovery, row.source, row.turn)

    def _enter(self, connection: Connection, run: int, recovery: int, looks_back_to: int, document: str,
               now: float, rerun: str | None = None, verdict: Verdict = Verdict.running) -> None:  # fmt: skip
        connection.execute(
            insert(t.recoveries).values(
                run=run, recovery=recovery, program_id=self._program(connection, document), started=now,
                verdict=verdict.value, looks_back_to=looks_back_to, rerun=rerun,
            )
        )  # fmt: skip

    def _program(self, connection: Connection, document: str) -> int:
        """The number of the program's row, which stays there until the transaction is over."""
        digest = sha256(document.encode()).hexdigest()
        query = select(t.programs.c.id).where(t.programs.c.digest == digest).with_for_update(read=True)
        found = connection.execute(query).scalar()
        if found is None:
            with suppress(IntegrityError), connection.begin_nested():  # another engine has made the same meanwhile
                return _new_id(connection.execute(insert(t.programs).values(digest=digest, document=document)))
            found = connection.execute(query).scalar_one()
        return int(found)

    def declare_pools(self, program: Program, holder: lease.Holder) -> Mapping[str, int]:
        """Make the pools known that the program shares with other runs; returns their numbers by their names."""
        shared = [pool for pool in program.pools.values() if pool.is_shared]
        self._shares = bool(shared)
        if not shared:
            return {}
        return self.patience.tried(lambda _: pools.declare(self._connection, program.name, shared, holder.host))

    def leave_run(
        self, row: RunRow, holder: lease.Holder, verdict: Verdict, report: Mapping[str, Any], now: float
    ) -> None:
        """Record how the run stands, and give up its lease and the units that it shares."""
        with reported(self.location):
            self.patience.tried(lambda _: self._leave_run(row, holder, verdict, report, now))

    def _leave_run(
        self, row: RunRow, holder: lease.Holder, verdict: Verdict, report: Mapping[str, Any], now: float
    ) -> None:
        recoveries, freed = t.recoveries, list[int]()
        ended = None if verdict.is_open else now
        with transaction(self._connection) as connection:
            if not lease.beat(connection, row.id, holder, now):
                return
            connection.execute(
                update(recoveries)
                .where(recoveries.c.run == row.id, recoveries.c.recovery == row.recovery)
                .values(verdict=verdict.value, report=json.dumps(report), ended=ended)
            )
            freed = units.free(connection, row.id) if self._shares else []
            lease.give_up(connection, row.id, holder)
            requests.leave(connection, row.id, now)
            if verdict is not Verdict.running:
                reruns.settle(connection, row.id, row.recovery, verdict, now)
        units.wake_waiting(self._connection, freed)

    def release(self, holder: lease.Holder) -> None:
        """Give up the holder's lease, and record nothing else."""
        with reported(self.location), transaction(self._connection) as connection:
            lease.release(connection, holder)

    def beat(self, row: RunRow, holder: lease.Holder, now: float, patience: float) -> bool:
        """Renew the lease through a connection of its own, from whichever thread; False when it is lost.

        It waits so many seconds for other writers.
        """
        with self._database.connect() as connection:
            self.backend.limit_waiting(connection, patience)
            return lease.beat(connection, row.id, holder, now)

    def asked(self, row: RunRow) -> set[int]:
        """The requests that wait for the run's engine, through a connection of its own, from whichever thread."""
        with self._database.connect() as connection:
            return requests.waiting(connection, row.id)

    def writer(self, row: RunRow, holder: lease.Holder, max_result_size: int) -> TurnWriter:
        """What records the turns of an engine that holds the run."""

        def offload(text: str, files: Mapping[str, bytes]) -> str | None:
            for name, content in files.items():
                self.backend.keep_file(row.run_id, name, content)
            if len(text) <= max_result_size:
                return None
            return self.backend.keep_result(row.run_id, text)

        def patiently(text: str, files: Mapping[str, bytes]) -> str | None:
            return self.patience.tried(lambda _: offload(text, files))

        return TurnWriter(self._connection, row, holder.token, patiently)

    def exchange(self, row: RunRow, holder: lease.Holder, known: Mapping[str, int]) -> Exchange:
        """What asks for shared units and returns them, for an engine that holds the run; see `SharedUnits`."""
        return units.SharedUnits(self._connection, row, holder, known).exchange

    # what an engine must know to go on

    def ending(self, row: RunRow) -> tuple[Verdict, int]:
        """How the present recovery stands, and how much was outstanding when its engine left."""
        recoveries = t.recoveries
        query = select(recoveries.c.verdict, recoveries.c.report).where(
            recoveries.c.run == row.id, recoveries.c.recovery == row.recovery
        )
        found = self._connection.execute(query).one()
        said = json.loads(found.report) if found.report else {}
        return Verdict(found.verdict), said.get("todos", 0)

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

    def scopes_over(self, row: RunRow, scopes: Collection[str]) -> set[str]:
        """Those of the scopes of which the run has iterations that are over."""
        over = t.iterations
        query = select(over.c.scope).where(over.c.run == row.id, over.c.scope.in_(list(scopes)))
        return set(self._connection.execute(query.where(over.c.status != TaskStatus.active.value).distinct()).scalars())

    def result(self, row: RunRow, step: str, sequence: str) -> str | None:
        """A task's result as tagged JSON: that of its latest recovery, None where it is not done there."""
        tasks = t.tasks
        query = _with_results(tasks.c.status).where(
            tasks.c.run == row.id, tasks.c.sequence == sequence, tasks.c.step == step
        )
        found = self._connection.execute(query.order_by(tasks.c.recovery.desc()).limit(1)).first()
        if found is None or not TaskStatus(found.status).is_done:
            return None
        return self._text(row, found.value, found.file)

    def results_in(self, row: RunRow, step: str, around: str) -> Iterator[tuple[str, Callable[[], str | None]]]:
        """The sequences inside `around` at which a step is done in its latest recovery, with what reads its result."""
        tasks = t.tasks
        query = _with_results(tasks.c.sequence).where(
            tasks.c.run == row.id, is_inside(tasks, around), tasks.c.step == step,
            tasks.c.status.in_([status.value for status in TaskStatus if status.is_done]),
        )  # fmt: skip
        if row.recovery:
            query = query.where(is_latest(tasks, ("sequence", "step")))
        for sequence, value, file in self._connection.execute(query).yield_per(1000):
            yield sequence, partial(self._text, row, value, file)

    def _text(self, row: RunRow, value: str | None, file: str | None) -> str | None:
        """A result, which may be in a file of its own."""
        return value if file is None else self.backend.kept_result(row.run_id, file)

    def result_file(self, row: RunRow, name: str) -> Content:
        """A file that a result speaks of; raises `StoreError` where it cannot be read."""
        return self.backend.kept_file(row.run_id, name)

    def unraised(self, row: RunRow, triggers: Iterable[tuple[str, str]]) -> int:
        """How many of the triggers (event, sequence) are no facts of the present recovery yet."""
        facts, wanted = t.facts, set(triggers)
        query = select(facts.c.event, facts.c.sequence).where(
            facts.c.run == row.id, facts.c.recovery == row.recovery, facts.c.event.in_({event for event, _ in wanted})
        )
        return len(wanted.difference((event, sequence) for event, sequence in self._connection.execute(query)))

    def todos(self, row: RunRow, containers: set[str]) -> tuple[int, float | None]:
        """How many tasks (those of `containers` apart) and delays are outstanding, and when the next is due."""
        tasks, delays = t.tasks, t.delays
        mine = (tasks.c.run == row.id) & (tasks.c.recovery == row.recovery) & tasks.c.status.in_(["ready", "active"])
        open_tasks = list(self._connection.execute(select(tasks.c.step, tasks.c.due).where(mine)))
        waits = self._connection.execute(
            select(delays.c.due).where(delays.c.run == row.id, delays.c.recovery == row.recovery, delays.c.over == 0)
        ).scalars().all()  # fmt: skip
        due = [when for _, when in open_tasks if when is not None] + list(waits)
        return sum(step not in containers for step, _ in open_tasks) + len(waits), min(due, default=None)


def _with_results(column: ColumnElement[Any]) -> Select[Any]:
    """A column of tasks, with their results of the same recovery: `value` and `file`."""
    tasks, results = t.tasks, t.results
    same = and_(*(results.c[name] == tasks.c[name] for name in ("run", "sequence", "step", "recovery")))
    return select(column, results.c.value, results.c.file).select_from(tasks.outerjoin(results, same))


def _new_id(made: CursorResult[Any]) -> int:
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def opened(location: str, durability: str = "full", *, create: bool = True) -> Store:
    """Open a store; the driver's errors come as `StoreError`."""
    with reported(location):
        return Store(location, durability, create=create)
