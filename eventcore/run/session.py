"""One call of `run`: enter the run under its lease, let the engine work, leave it with its verdict."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from eventcore.act.announce import Announcer
from eventcore.act.calls import CallMaker
from eventcore.act.clock import Clock
from eventcore.act.executors.collection import Executors
from eventcore.act.executors.registry import executor_class
from eventcore.act.keeper import LeaseKeeper
from eventcore.act.waker import Waker
from eventcore.decide.plan import Plan
from eventcore.decide.rerunning import Rerun, amended
from eventcore.decide.restoring import restore
from eventcore.decide.state import History
from eventcore.decide.turn import Turn
from eventcore.define.config import Config
from eventcore.define.document import differences, reruns_successes
from eventcore.define.program import Program
from eventcore.define.status import RunMode, TaskStatus, Verdict
from eventcore.errors import ConfigError, ProgramChangedError
from eventcore.record import lease, requests
from eventcore.record.store import RunRow, Store
from eventcore.run.engine import Asked, Engine, Lost, Report, Triggered
from eventcore.run.request import Request

log = logging.getLogger("eventcore")


class StoreArchive:
    """The store as decisions may read it (see `eventcore.decide.turn.Archive`)."""

    def __init__(self, store: Store, row: RunRow) -> None:
        self._store = store
        self._row = row

    def result(self, step: str, sequence: str) -> str | None:
        """A task's recorded result."""
        return self._store.result(self._row, step, sequence)

    def clean_iterations(self, step: str, sequence: str) -> set[str]:
        """The iterations that earlier recoveries ended clean."""
        return self._store.clean_iterations(self._row, step, sequence)

    def cell(self, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        """A cell that was let go."""
        return self._store.cell(self._row, scope, sequence)


class Session:
    """Enters, works and leaves; one object for each call of `run`."""

    def __init__(self, program: Program, config: Config, store: Store, source: str | None,
                 executors: Executors) -> None:  # fmt: skip
        self._program = program
        self._config = config
        self._store = store
        self._source = source
        self._executors = executors
        self._clock = Clock()
        self._row: RunRow | None = None
        self._engine: Engine | None = None

    def run(self, request: Request, document: str, starts: Iterable[tuple[str, str]], passes: int) -> bool:
        """Work on the run as `request` says; raises `KeyboardInterrupt` after it was interrupted in an orderly way.

        What users asked to run again meanwhile follows in recoveries of its own.
        """
        starts = list(starts)
        while True:
            report = self._work(request, document, starts, passes)
            assert self._row is not None
            if report.interrupted:
                run_id = self._row.run_id
                raise KeyboardInterrupt(f"run {run_id!r} was interrupted; it can be recovered or continued")
            rerun = requests.taken_rerun(self._store.connection, self._row.id, self._clock.now())
            if rerun is None or report.verdict is Verdict.cancelled:
                return report.ok
            request = replace(request, mode=RunMode.recover, run_id=self._row.run_id, rerun=Rerun(**rerun))

    def _work(self, request: Request, document: str, starts: Iterable[tuple[str, str]], passes: int) -> Report:
        with closing(Waker()) as waker:
            holder = lease.this_engine(waker.token, waker.port)
            row = self._row = self._enter(request, document, holder)
            report = Report(Verdict.running)
            try:
                with self._kept(row, holder):
                    engine = self._engine = self._make_engine(row, request, document, holder)
                    for event, sequence in starts:
                        engine.turn.trigger(event, sequence)
                    engine.post(Asked())
                    waker.listen(lambda: engine.post(Asked()))
                    report = engine.run(passes)
            finally:
                self._leave(row, holder, report)
        return report

    def trigger(self, event: str, sequence: str) -> None:
        """Raise an event while the engine works."""
        if self._engine is not None:
            self._engine.post(Triggered(event, sequence))

    def todos(self, request: Request, starts: Sequence[tuple[str, str]]) -> tuple[int, float | None]:
        """What is outstanding by the store, starts not yet raised included, and when the next is due in UTC seconds."""
        row = self._store.find_run(self._program.name, request.run_id)
        control = {step.name for step in self._program.steps.values() if step.control is not None}
        total, due = self._store.todos(row, control)
        return total + self._store.unraised(row, starts), due

    def entered(self, request: Request) -> Request:
        """The request after this session: it names the run that was entered."""
        if self._row is None:
            return request
        return replace(request, run_id=self._row.run_id, is_entered=True)

    def _enter(self, request: Request, document: str, holder: lease.Holder) -> RunRow:
        store, now, term = self._store, self._clock.now(), self._config.lease_term
        if request.mode is RunMode.restart:
            run_id = request.run_id or generated_run_id()
            return store.create_run(run_id, self._program.name, self._source, document, holder, term, now)
        if self._config.shared_db and not request.run_id:
            raise ConfigError("with shared_db, the run to recover or continue must be named: give run_id")
        row = store.find_run(self._program.name, request.run_id)
        self._compare(row, request, document)
        if request.mode is RunMode.continue_:
            return store.enter_again(row, document, holder, term, now)
        if request.recovery_run is not None and not 0 <= request.recovery_run <= row.recovery:
            raise ConfigError(f"recovery_run {request.recovery_run}: run {row.run_id!r} has 0 to {row.recovery}")
        if request.rerun is not None:  # what cannot be run again is an error before the recovery begins
            amended(Plan(self._program, self._config), store.history(row, row.recovery, walk_all=True), request.rerun)
        rerun = None if request.rerun is None else msgspec.json.encode(request.rerun).decode()
        return store.enter_recovery(row, request.recovery_run, rerun, self._source, document, holder, term, now)

    def _history(self, row: RunRow, plan: Plan, document: str) -> History:
        """What the recoveries before this one left, as far as it counts."""
        upto, rerun = self._store.looks_back_to(row)
        if upto < 0:
            return History()
        walk_all = (
            rerun is not None
            or upto < row.recovery - 1
            or reruns_successes(self._program)
            or not self._store.same_program_so_far(row, upto, document)
        )
        history = self._store.history(row, upto, walk_all=walk_all)
        return history if rerun is None else amended(plan, history, msgspec.json.decode(rerun, type=Rerun))

    def _compare(self, row: RunRow, request: Request, document: str) -> None:
        found = differences(self._store.document(row, row.recovery), document)
        gone = self._store.has_history(row, list(found.removed)) if found.removed else []
        if gone and not request.accept_removed:
            names = ", ".join(repr(found.removed[name]) for name in gone)
            raise ProgramChangedError(
                f"run {row.run_id!r} has history of steps that the program no longer has: {names}; put them back, "
                "start a new run, or accept that with accept_removed=True"
            )
        if found:
            log.warning("The program differs from the one stored with run %r: %s", row.run_id, found)

    def _make_engine(self, row: RunRow, request: Request, document: str, holder: lease.Holder) -> Engine:
        plan, store = Plan(self._program, self._config), self._store
        constructs = {self._config.of_step(step.config, "task_construct") for step in self._program.steps.values()}
        capacities = {str(c): executor_class(c).capacity(self._config.max_concurrent) for c in constructs}
        turn = Turn(plan, self._history(row, plan, document), StoreArchive(store, row), capacities)
        if request.mode is RunMode.continue_:
            turn.time_came(self._clock.now())
            restore(turn, store.snapshot(row))
        calls = CallMaker(plan, row.run_id, row.recovery, row.program, lambda step, seq: store.result(row, step, seq))
        writer = store.writer(row, holder, self._config.max_result_size)
        turn.state.paused = requests.is_paused(store.connection, row.id)
        return Engine(
            turn, writer, calls, self._executors, self._clock, Announcer(),
            lambda: requests.pending(store.connection, row.id),
        )  # fmt: skip

    @contextmanager
    def _kept(self, row: RunRow, holder: lease.Holder) -> Iterator[None]:
        """Keep the lease; a store in memory has nobody to keep it from."""
        if self._store.path is None:
            yield
            return
        term = self._config.lease_term
        keeper = LeaseKeeper(lambda: self._beat(row, holder), self._lost, term)
        try:
            yield
        finally:
            keeper.close()

    def _beat(self, row: RunRow, holder: lease.Holder) -> bool:
        """Renew the lease; requests from other hosts, which cannot wake this engine, are found on the way."""
        if self._engine is not None:
            self._engine.post(Asked())
        return self._store.beat(row, holder, self._clock.now())

    def _lost(self) -> None:
        if self._engine is not None:
            self._engine.post(Lost())

    def _leave(self, row: RunRow, holder: lease.Holder, report: Report) -> None:
        said = {"todos": report.todos, "next_due": report.next_due, "stalled": report.stalled,
                "not_reached": report.not_reached}  # fmt: skip
        self._store.leave_run(row, holder, report.verdict, said, self._clock.now())


def generated_run_id() -> str:
    """A run id that sorts by time and is not given twice."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
