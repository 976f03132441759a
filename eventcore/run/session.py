"""One call of `run`: enter the run under its lease, let the engine work, leave it with its verdict."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from eventcore.act.announcer import Announcer
from eventcore.act.calls import CallMaker
from eventcore.act.clock import Clock
from eventcore.act.console import this_console
from eventcore.act.executors.collection import Executors
from eventcore.act.executors.registry import executor_class
from eventcore.act.lender import Lender
from eventcore.act.observer import Observer, ProgramChanged, RunAbandoned, RunEntered, RunFinished, RunFoundOver
from eventcore.act.waker import Waker
from eventcore.decide.adopting import check_adoptable
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.ranking import ranks_of
from eventcore.decide.rerunning import Rerun, amended
from eventcore.decide.restoring import restore
from eventcore.decide.sequences import Sequences
from eventcore.decide.turn import Turn
from eventcore.define.answer import Answer, RequestStatus
from eventcore.define.config import Config
from eventcore.define.differences import Differences, differences
from eventcore.define.plain import plain
from eventcore.define.program import Program
from eventcore.define.status import RunMode, Verdict
from eventcore.define.stored import read, reruns_successes
from eventcore.errors import ConfigError, ProgramChangedError, ProgramError, RunHeldError, StoreError
from eventcore.record import identity, lease, pausing, requests, reruns
from eventcore.record.archive import StoreArchive
from eventcore.record.damage import diagnosed
from eventcore.record.durations import durations
from eventcore.record.history import is_straight_so_far, looks_back_to, read_history
from eventcore.record.lengths import check_lengths
from eventcore.record.rows import RunRow
from eventcore.record.snapshot import snapshot
from eventcore.record.store import Store
from eventcore.run import over
from eventcore.run.engine import Engine
from eventcore.run.inquiries import Inquiries, Inquiry
from eventcore.run.interrupts import interruption
from eventcore.run.keeping import Keeping
from eventcore.run.next_action import in_words
from eventcore.run.outages import Outages
from eventcore.run.report import Report
from eventcore.run.request import Request, counted
from eventcore.run.tenure import Tenure
from eventcore.run.waiting import Asked, Happening

log = logging.getLogger("eventcore")
notes = logging.getLogger(identity.NOTES)

LOOK = 0.5  #: seconds between two looks whether the run that a new one waits for is over


class Session:
    """Enters, works and leaves; one object for each call of `run`."""

    def __init__(self, program: Program, config: Config, store: Store, clock: Clock, observers: Sequence[Observer],
                 executors: Executors, source: str | None) -> None:  # fmt: skip
        self._program = program
        self._config = config
        self._store = store
        self._clock = clock
        self._observers = observers
        self._source = source
        self._executors = executors
        self._row: RunRow | None = None
        self._engine: Engine | None = None
        self._taken_at = 0.0  #: a moment before the lease was taken
        self._happened: deque[Happening] = deque()  #: what the engine has not been told yet
        self._thread = threading.get_ident()
        self._inquiries = Inquiries()
        self._changed: Differences | None = None  #: from the program that is stored with the run
        self._left_out = ""  #: steps that were added, and that continuing cannot add to iterations that are over
        self.sequences = Sequences()  #: that were chosen for triggers; other threads choose, too
        self._pools: Mapping[str, int] = {}  #: the numbers of the pools that the program shares
        self._asked: int | None = None  #: the request for the rerun that this call carries out
        store.patience.seconds = config.database_patience
        store.patience.listener = Outages(observers, clock, lambda: "" if self._row is None else self._row.run_id)

    def run(self, request: Request, document: str, starts: Iterable[tuple[str, str]], passes: int) -> bool:
        """Work on the run as `request` says; raises `KeyboardInterrupt` after an orderly interruption.

        Reruns that users have requested meanwhile follow, each in a recovery of its own. A store that cannot be used
        or understood is a `StoreError`.
        """
        with diagnosed(self._store.connection), closing(Lender(self._store.address)) as self._lender:
            try:
                return self._run(request, document, starts, passes)
            except lease.UnderWayError as other:
                notes.warning("skipped: %s", other)
                return True

    def _run(self, request: Request, document: str, starts: Iterable[tuple[str, str]], passes: int) -> bool:
        starts, ending = list(starts), None
        check_lengths(self._store.backend, self._program, request.run_id, starts)
        if request.mode is not RunMode.restart:
            row = self._found(request)
            request = replace(request, run_id=row.run_id, mode=over.mode_for(self._store, row, request))
            if request.mode is RunMode.continue_:
                ending = over.ending(self._store, row, document, self._program.recorded(starts))
        if ending is not None and not ending.todos:
            self._row = row
            self._tell_over(ending)
            return ending.verdict is Verdict.success
        try:
            report = self._work(request, document, starts, passes)
            if ending is not None and report.verdict is ending.verdict and not report.started:
                self._tell_over(ending)
            while (following := self._following(request, report)) is not None:
                try:
                    report = self._work(following, document, starts, passes)
                except RunHeldError:  # the engine that took the run over carries it out
                    break
                except (ProgramError, ConfigError) as error:
                    if not self._is_refused(following):
                        raise
                    log.error("Rerun refused: %s", error)
        finally:
            self._close_inquiries()
        return report.ok

    def _tell_over(self, ending: over.Ending) -> None:
        assert self._row is not None
        announcer = Announcer(self._observers, self._row.run_id)
        announcer.tell(RunFoundOver, self._clock.now(), ending.verdict, in_words(ending.verdict))

    def _following(self, request: Request, report: Report) -> Request | None:
        """The next rerun that users have requested meanwhile, once the run has come to an end."""
        assert self._row is not None
        run_id = self._row.run_id
        if report.interrupted:
            raise interruption(f"run {run_id!r} was interrupted; run() continues it")
        found = reruns.next_rerun(self._store.connection, self._row.id)
        if found is None or report.verdict is Verdict.cancelled:
            return None
        asked, rerun = found
        return replace(request, mode=RunMode.recover, run_id=run_id, recovery_run=None, rerun=rerun, asked=asked)

    def _is_refused(self, request: Request) -> bool:
        return request.asked is not None and requests.answer_of(self._store.connection, request.asked).is_refused

    def _work(self, request: Request, document: str, starts: Iterable[tuple[str, str]], passes: int) -> Report:
        self._engine = None  # that of the recovery before has ended
        with closing(Waker()) as waker:
            holder = lease.this_engine(waker.token, waker.port)
            try:
                return self._work_as(holder, waker, request, document, starts, passes)
            except BaseException as error:  # the process may live on, and its leases are not taken over
                lease.disown(holder)
                if isinstance(error, KeyboardInterrupt):
                    with suppress(StoreError):
                        self._store.release(holder)
                raise

    def _work_as(self, holder: lease.Holder, waker: Waker, request: Request, document: str,
                 starts: Iterable[tuple[str, str]], passes: int) -> Report:  # fmt: skip
        row = self._row = self._enter(request, document, holder)
        announcer = Announcer(self._observers, row.run_id)
        report = Report(Verdict.running)
        try:
            announcer.tell(RunEntered, self._clock.now(), row.program, row.recovery, request.mode)
            if self._changed:
                announcer.tell(ProgramChanged, self._clock.now(), str(self._changed))
            if self._left_out:
                log.warning("Continuing adds no steps to iterations that are over; to run %s there, too, recover run "
                            "%r", plain(self._left_out), row.run_id)  # fmt: skip
            self.sequences.taken_by_users(requests.asked_sequences(self._store.connection, row.id))
            keeping = Keeping(self._store, row, holder, self._clock, self._executors, self._post)
            with keeping.during(self._config.lease_term, self._taken_at):
                engine = self._engine = self._make_engine(row, request, document, holder, announcer)
                for event, sequence in (*starts, *self._triggered_before(row)):
                    engine.turn.start(self._program.events[event], sequence)
                for event, sequence, value in self._emitted_before(engine):
                    engine.turn.start(self._program.events[event], sequence, value)
                self._pass_on()
                engine.post(Asked())
                waker.listen(lambda: engine.post(Asked()))
                report = engine.run(passes)
        except BaseException as error:
            self._store.patience.seconds = 0.0
            with suppress(StoreError):  # the first error says more
                self._leave(row, holder, report)
            if isinstance(error, KeyboardInterrupt):
                told = f"run {row.run_id!r} was interrupted and its running steps were ended; run() continues it"
                interruption(told, error)
            announcer.tell(RunAbandoned, self._clock.now(), f"{type(error).__name__}: {error}")
            raise
        self._leave(row, holder, report)
        announcer.tell(RunFinished, self._clock.now(), report.verdict, report.todos, report.next_due,
                       tuple(report.stalled), tuple(report.not_reached), report.interrupted)  # fmt: skip
        return report

    @property
    def is_of_this_thread(self) -> bool:
        """Whether its engine runs in the thread that asks, so that waiting for an answer would be in vain."""
        return threading.get_ident() == self._thread

    def tell(self, happening: Happening) -> None:
        """Tell the engine what happened, at once or as soon as there is one; from any thread."""
        self._happened.append(happening)
        self._pass_on()

    def _pass_on(self) -> None:
        while self._engine is not None and self._happened:
            with suppress(IndexError):  # another thread may take the last one
                self._engine.post(self._happened.popleft())

    def ask(self, verb: str, argument: Mapping[str, Any], patience: float) -> Answer | None:
        """Ask something of the run from another thread; None where the session is over, or has no run so far."""
        if self._row is None:
            return None
        inquiry = Inquiry(verb, argument, Answer(None, self._row.run_id, verb, RequestStatus.taken, requests.NOT_YET))
        if not self._inquiries.put(inquiry):
            return None
        is_own = self.is_of_this_thread
        if is_own:
            self._inquiries.record(partial(self._record, is_held=True))
        if self._engine is not None:
            self._engine.post(Asked())
        inquiry.heard.wait(0.0 if is_own else patience)
        return inquiry.answer

    def entered(self, request: Request, otherwise: Request) -> Request:
        """The request with the run that was entered; `otherwise` where none was."""
        request, otherwise = replace(request, asked=self._asked), replace(otherwise, asked=self._asked)
        if self._row is None:
            return otherwise
        return replace(request, run_id=self._row.run_id, is_entered=True)

    def _found(self, request: Request) -> RunRow:
        """The run that is wanted; raises `RunNotFoundError`."""
        if self._config.shared_db and not request.run_id:
            raise ConfigError("with shared_db, the run to recover or continue must be named: give run_id")
        return self._store.find_run(self._program.name, request.run_id)

    def _enter(self, request: Request, document: str, holder: lease.Holder) -> RunRow:
        store, now, term = self._store, self._clock.now(), self._config.lease_term
        self._pools = store.declare_pools(self._program, holder)
        if request.mode is RunMode.restart:
            return self._create(request, document, holder)
        row = store.find_run(self._program.name, request.run_id)
        try:
            self._check(row, request, document)
        except (ProgramError, ConfigError) as error:
            if request.rerun is not None:
                self._asked = reruns.refuse(store.connection, row.id, request.asked, request.rerun, str(error), now)
            raise
        self._taken_at = self._clock.now()
        if request.mode is RunMode.continue_:
            if store.document(row, row.recovery) != document:
                check_adoptable(Plan(self._program, self._config), snapshot(store.connection, row))
            return store.enter_again(row, document, holder, term, now, self._source)
        row = store.enter_recovery(
            row, request.recovery_run, request.rerun, self._source, document, holder, term, now, request.asked
        )
        if request.rerun is not None and request.asked is None:
            self._asked = reruns.request_of(store.connection, row.id, row.recovery)
        return row

    def _create(self, request: Request, document: str, holder: lease.Holder) -> RunRow:
        """Make the new run, at once or when no other of the user's runs of it is under way, as `request` says."""
        name, store, alone = self._program.name, self._store, request.overlap != "allow"
        while True:
            now, term = self._clock.now(), self._config.lease_term
            self._taken_at = now
            try:
                return store.create_run(request.run_id, name, self._source, document, holder, term, now, alone=alone)
            except lease.UnderWayError as other:
                if request.overlap == "skip":
                    raise
                notes.warning("waiting for the end of another run: %s", other)
            while any(lease.held_runs(store.connection, self._clock.wall(), name)):
                time.sleep(LOOK)

    def _check(self, row: RunRow, request: Request, document: str) -> None:
        """Raise what keeps the run from being entered as requested, before anything is changed."""
        self._compare(row, request, document)
        if request.mode is RunMode.continue_:
            return
        counted(row, request.recovery_run)
        if request.rerun is not None:
            history = read_history(self._store.connection, row, row.recovery, walk_all=True)
            archive = StoreArchive(self._store, row, row.recovery)
            amended(Plan(self._program, self._config), history, archive, request.rerun)

    def _history(self, row: RunRow, plan: Plan, archive: StoreArchive, document: str, upto: int,
                 rerun: str | None) -> History:  # fmt: skip
        """What the recoveries before this one left, as far as it counts."""
        if upto < 0:
            return History()
        walk_all = (
            rerun is not None
            or upto < row.recovery - 1
            or reruns_successes(self._program)
            or not is_straight_so_far(self._store.connection, row, upto, document)
        )
        history = read_history(self._store.connection, row, upto, walk_all=walk_all)
        return history if rerun is None else amended(plan, history, archive, msgspec.json.decode(rerun, type=Rerun))

    def _triggered_before(self, row: RunRow) -> list[tuple[str, str]]:
        """What users triggered in earlier recoveries, as far as they count and the program still has the events."""
        upto, _ = looks_back_to(self._store.connection, row)
        if upto < 0:
            return []
        return self._program.recorded(requests.triggered(self._store.connection, row.id, upto))

    def _emitted_before(self, engine: Engine) -> list[tuple[str, str, str]]:
        """What steps of the kernel triggered at once in earlier recoveries, with values."""
        emitted = engine.turn.context.history.emitted
        kept = set(self._program.recorded(emitted)) if emitted else set()
        return [(event, at, value) for (event, at), value in emitted.items() if (event, at) in kept]

    def _compare(self, row: RunRow, request: Request, document: str) -> None:
        found = differences(read(self._store.document(row, row.recovery)), read(document))
        gone = self._store.has_history(row, list(found.removed)) if found.removed else []
        if gone and not request.accept_removed:
            names = ", ".join(repr(found.removed[name]) for name in gone)
            raise ProgramChangedError(
                f"run {row.run_id!r} has history of steps that the program no longer has: {names}; put them back, "
                "start a new run, or accept that with --accept-removed, or accept_removed=True in Python"
            )
        self._changed, self._left_out = found, ""
        if found.added and request.mode is RunMode.continue_:
            added = [step for step in read(document).visible() if step.path in found.added]
            over = self._store.scopes_over(row, {step.scope for step in added})
            self._left_out = ", ".join(step.path for step in added if step.scope in over)

    def _make_engine(self, row: RunRow, request: Request, document: str, holder: lease.Holder,
                     announcer: Announcer) -> Engine:  # fmt: skip
        plan, store = Plan(self._program, self._config), self._store
        constructs = {self._config.of_step(step.config, "task_construct") for step in self._program.steps.values()}
        capacities = {str(c): executor_class(c).capacity(self._config.max_concurrent) for c in constructs}
        upto, rerun = looks_back_to(store.connection, row)
        archive = StoreArchive(store, row, upto)
        ranks = ranks_of(plan, durations(store.connection, row) if self._config.order == "longest" else {})
        turn = Turn(plan, self._history(row, plan, archive, document, upto, rerun), archive, capacities, ranks)
        if request.mode is RunMode.continue_:
            turn.time_came(self._clock.now())
            restore(turn.context, snapshot(store.connection, row))
        several = self._config.max_concurrent != 1 and list(capacities.values()) != [1]
        console = this_console(self._config.console, verbose=self._config.verbose, several=several)
        calls = CallMaker(plan, row.run_id, row.recovery, row.program, archive, console, self._lender)
        writer = store.writer(row, holder, self._config.max_result_size)
        turn.context.sequences = self.sequences
        turn.context.state.paused = pausing.is_paused(store.connection, row.id)
        tenure = Tenure(writer.holds, self._config.lease_term if store.backend.is_shared else None)
        return Engine(
            turn, writer, calls, self._executors, self._clock, announcer, tenure, self._pending,
            self._inquiries.answered, store.exchange(row, holder, self._pools),
        )  # fmt: skip

    def _pending(self) -> list[requests.AskedRequest]:
        """The requests that wait for the run's engine."""
        assert self._row is not None
        self._inquiries.record(partial(self._record, is_held=True))
        return requests.pending(self._store.connection, self._row.id)

    def _record(self, verb: str, argument: Mapping[str, Any], *, is_held: bool) -> Answer:
        assert self._row is not None
        run, now = self._row.id, self._clock.now()
        return requests.ask(self._store.connection, run, verb, argument, now, is_held=is_held)

    def _close_inquiries(self) -> None:
        self._engine = None
        if self._row is not None:
            look_up = partial(requests.answer_of, self._store.connection)
            self._inquiries.close(partial(self._record, is_held=False), look_up)

    def _post(self, happening: Happening) -> None:
        """Tell the engine, where there is one yet."""
        if self._engine is not None:
            self._engine.post(happening)

    def _leave(self, row: RunRow, holder: lease.Holder, report: Report) -> None:
        said = {"todos": report.todos, "next_due": report.next_due, "stalled": report.stalled,
                "not_reached": report.not_reached, "held_back": report.held_back}  # fmt: skip
        self._store.leave_run(row, holder, report.verdict, said, self._clock.now())
