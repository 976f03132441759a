"""The engine loop: wait for whatever comes first, take everything that is there, decide, commit once, then dispatch.

Nothing is started before the commit that says so, and nothing is polled: an idle engine sleeps until a worker reports,
a delay is due or somebody raises an event.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from eventcore.act.announce import Announcer
from eventcore.act.calls import CallMaker
from eventcore.act.clock import Clock
from eventcore.act.envelope import Outcome, failed
from eventcore.act.executors.collection import Executors
from eventcore.act.steplog import installed
from eventcore.decide import delays, scheduling, verdict
from eventcore.decide.state import Task
from eventcore.decide.turn import Turn
from eventcore.define.status import Verdict
from eventcore.errors import LeaseLostError
from eventcore.record.requests import AskedRequest
from eventcore.record.turns import TurnWriter


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker is through with a call."""

    ticket: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Triggered:
    """Somebody in this process raises an event."""

    event: str
    sequence: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The lease keeper found the lease gone."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """The user pressed Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody recorded a request."""


Happening = Ended | Triggered | Lost | Interrupt | Asked


@dataclass(slots=True)
class Report:
    """How a call of `run` ended."""

    verdict: Verdict
    todos: int = 0
    next_due: float | None = None  #: UTC in seconds
    stalled: list[str] = field(default_factory=list)  #: what waits for what
    not_reached: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """The answer of `run`: True while nothing unhandled has failed and nothing is stalled."""
        return self.verdict in (Verdict.success, Verdict.pending)


class Engine:
    """Runs one recovery of one run; the store, the turn and the lease are handed in."""

    LONGEST_WAIT = 60.0  #: seconds between looks at the clock: a wait does not count the time that the machine sleeps

    def __init__(self, turn: Turn, writer: TurnWriter, calls: CallMaker, executors: Executors, clock: Clock,
                 announce: Announcer, requests: Callable[[], list[AskedRequest]] = list) -> None:  # fmt: skip
        self.turn = turn
        self._writer = writer
        self._calls = calls
        self._clock = clock
        self._announce = announce
        self._requests = requests  #: reads what was asked and not taken up
        self._queue: SimpleQueue[Happening] = SimpleQueue()
        self._executors = executors
        executors.report_to(self._reported)
        self._tickets: dict[int, Task] = {}
        self._next_ticket = 0
        self._interrupted = False
        self._inbox: list[Happening] = []

    def post(self, happening: Happening) -> None:
        """Tell the engine what happened; from any thread."""
        self._queue.put(happening)

    def run(self, passes: int) -> Report:
        """Work until nothing is left, delays included, or with `passes` >= 0 so many times until only time can help.

        The first Ctrl-C lets what runs finish and starts nothing new, a second ends it with `KeyboardInterrupt`.
        """
        config = self.turn.plan.config
        assert isinstance(config.logging_level, int)
        try:
            with installed(config.logging_level, console=config.console), self._catching_interrupts():
                self._go(passes)
        finally:
            self._executors.close()
        report = self._standing()
        if not report.interrupted:
            self._announce.finished(report.verdict, report.todos, report.stalled, report.not_reached)
        return report

    def _go(self, passes: int) -> None:
        if self.turn.state.paused:
            self._announce.paused()
        while passes != 0:
            self._until_idle()
            passes -= 1
            if passes < 0:
                if not (verdict.waits_for_time(self.turn) or verdict.waits_for_resume(self.turn)):
                    return
                self._wait()

    def _until_idle(self) -> None:
        """Turn after turn until nothing can be done without waiting for a delay."""
        while True:
            if self._turn():
                continue
            if not verdict.is_idle(self.turn):
                self._wait()
            elif not self._inbox and self._queue.empty() and self._seconds_to_next_due() != 0:
                return

    def _turn(self) -> bool:
        """One turn; True when another is wanted at once."""
        turn = self.turn
        turn.time_came(self._clock.now())
        for what in self._taken():
            self._apply(what)
        more = turn.settle()
        changes = turn.taken_changes()
        if changes:
            self._writer.write(changes, turn.now)
        self._announce.turn(changes)
        for task in changes.starts:
            self._start(task)
        for task in changes.cancels:
            self._cancel(task)
        return more

    def _apply(self, what: Happening) -> None:
        if isinstance(what, Ended):
            task = self._tickets.pop(what.ticket, None)
            if task is not None:
                o = what.outcome
                self.turn.ended(task, o.ok, o.result, o.error, o.traceback, o.raised)
        elif isinstance(what, Triggered):
            self.turn.trigger(what.event, what.sequence)
        elif isinstance(what, Asked):
            for request in self._requests():
                self.turn.asked(request.id, request.verb, request.argument)
                self._announce.asked(request.verb, request.argument)
        elif isinstance(what, Interrupt):
            self.turn.state.stopped = self._interrupted = True
            self._announce.stopping(len(self._tickets))
        else:
            raise LeaseLostError("another engine took this run over; this engine ends without recording more")

    def _start(self, task: Task) -> None:
        self._announce.starting(task)
        self._next_ticket += 1
        ticket = self._next_ticket
        self._tickets[ticket] = task
        try:
            call = self._calls.make(task)
        except Exception as error:
            self._reported(ticket, failed(error))
            return
        timeout = self.turn.plan.config.of_step(task.step.config, "timeout")
        self._executors.start(scheduling.executor_of(self.turn, task.step), ticket, call, timeout)

    def _cancel(self, task: Task) -> None:
        ticket = next((ticket for ticket, known in self._tickets.items() if known is task), None)
        if ticket is not None:
            self._executors.cancel(scheduling.executor_of(self.turn, task.step), ticket)

    def _reported(self, ticket: int, outcome: Outcome) -> None:
        self._queue.put(Ended(ticket, outcome))

    def _wait(self) -> None:
        """Block until something happens or something is due."""
        with suppress(Empty):
            self._inbox.append(self._queue.get(timeout=self._seconds_to_next_due()))

    def _taken(self) -> list[Happening]:
        """Everything that has happened by now."""
        taken, self._inbox = self._inbox, []
        while not self._queue.empty():
            taken.append(self._queue.get_nowait())
        return taken

    def _seconds_to_next_due(self) -> float | None:
        if self.turn.state.stopped:
            return None
        due = delays.next_due(self.turn)
        return None if due is None else min(max(0.0, due - self._clock.now()), self.LONGEST_WAIT)

    @contextmanager
    def _catching_interrupts(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.default_int_handler:
            yield
            return

        def interrupted(*_: object) -> None:
            signal.signal(signal.SIGINT, before)
            self._queue.put(Interrupt())

        signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _standing(self) -> Report:
        turn = self.turn
        found = verdict.of(turn)
        if self._interrupted and found is Verdict.success:
            found = Verdict.pending
        return Report(
            found,
            verdict.todos(turn),
            delays.next_due(turn),
            [f"{wait.task!r} waits for {wait.waits_for}" for wait in verdict.stalled(turn)],
            [
                f"{event}@{sequence} (still missing: {', '.join(missing)})"
                for event, sequence, missing in verdict.not_reached(turn)
                if not turn.plan.events[event].scope and not turn.plan.has_parts
            ],
            self._interrupted,
        )
