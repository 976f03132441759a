"""The engine loop: wait for whatever comes first, take everything that is there, decide, commit once, then dispatch.

Nothing is started before the commit that says so, and nothing is polled: an idle engine sleeps until a worker reports,
a delay is due or somebody raises an event. One turn is `Engine._turn`; what it waits for is in `waiting`, starting
tasks in `dispatcher`, Ctrl-C in `interrupts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from eventcore.act.announcer import Announcer
from eventcore.act.calls import CallMaker
from eventcore.act.clock import Clock
from eventcore.act.executors.collection import Executors
from eventcore.act.observer import (
    RunPaused,
    RunResumed,
    RunStopping,
    TaskEnded,
    TaskSkipped,
    TaskStarted,
    TurnRecorded,
)
from eventcore.decide import delays, verdict
from eventcore.decide.changes import Changes
from eventcore.decide.state import Task
from eventcore.decide.turn import Turn
from eventcore.define.outcome import Outcome
from eventcore.define.program import COMPUTING
from eventcore.errors import LeaseLostError, StoreError
from eventcore.moment import steady
from eventcore.record.requests import AskedRequest
from eventcore.record.turns import TurnWriter
from eventcore.record.units import Exchange
from eventcore.run.dispatcher import Dispatcher
from eventcore.run.interrupts import catching_ctrl_c
from eventcore.run.report import Report, report_of
from eventcore.run.shared_pools import SharedPools
from eventcore.run.tenure import Tenure
from eventcore.run.waiting import (
    Asked,
    Emitted,
    Ended,
    Freed,
    Happening,
    Interrupted,
    Mailbox,
    Released,
    Renewed,
    Silenced,
    Triggered,
)


class Engine:
    """Runs one recovery of one run; the store, the turn, the clock, the observers and the lease are handed in."""

    def __init__(self, turn: Turn, writer: TurnWriter, calls: CallMaker, executors: Executors, clock: Clock,
                 announcer: Announcer, tenure: Tenure, requests: Callable[[], Iterable[AskedRequest]],
                 answered: Callable[[int, str | None], None], exchange: Exchange) -> None:  # fmt: skip
        self.turn = turn
        self._writer = writer
        self._clock = clock
        self._announcer = announcer
        self._tenure = tenure
        self._hears_turns = announcer.hears(TaskEnded, TaskSkipped, TurnRecorded)
        self._hears_starts = announcer.hears(TaskStarted)
        self._requests = requests  #: reads what was asked and waits for this engine
        self._answered = answered  #: hears of a request's answer when that is recorded
        self._mailbox = Mailbox(clock)
        self._pools = SharedPools(turn, exchange, lambda: self.post(Freed()))
        self._dispatcher = Dispatcher(turn.context.plan.config, calls, executors, self._mailbox.post)
        self._interrupted = False
        self._is_released = False
        self._paused = False  #: whether observers know that the run is paused
        self._asked: dict[int, tuple[str, Mapping[str, Any]]] = {}  #: requests that are not answered yet

    def post(self, happening: Happening) -> None:
        """Tell the engine what happened; from any thread."""
        self._mailbox.post(happening)

    def run(self, passes: int) -> Report:
        """Work until nothing is left, delays included, or with `passes` >= 0 at most so often until only time helps.

        The first Ctrl-C lets what runs finish and starts nothing new, a second ends it with `KeyboardInterrupt`.
        """
        try:
            with catching_ctrl_c(lambda: self.post(Interrupted())):
                self._tell_pausing()
                self._go(passes)
        finally:
            self._pools.close()
            self._dispatcher.close()
        return report_of(self.turn.context, self._dispatcher.started, interrupted=self._interrupted)

    def _go(self, passes: int) -> None:
        happened = self._mailbox.taken()
        while passes != 0:
            self._until_idle(happened)
            passes -= 1
            if self._is_released or not self._is_outstanding():
                return
            if passes < 0:
                happened = self._mailbox.awaited(self._next_due(), idle=True)
            elif passes > 0:
                if not self.turn.context.plan.config.sleep_between_loops:
                    return  # in no time, nothing becomes due
                happened = self._slept(self.turn.context.plan.config.sleep_between_loops)

    def _is_outstanding(self) -> bool:
        """Whether waiting brings something more."""
        context = self.turn.context
        if verdict.waits_for_time(context) or verdict.waits_for_resume(context):
            return True
        return verdict.waits_for_answer(context) and not self._clock.is_simulated  # where nobody is there to answer

    def _slept(self, seconds: float) -> list[Happening]:
        """Wait between two passes; what happens meanwhile is taken up at once, what falls due is for the next pass."""
        over = self._clock.now() + seconds
        while self._clock.now() < over and self._is_outstanding():
            happened = self._mailbox.awaited(over, idle=True)
            if happened:
                self._until_idle(happened)
        return self._mailbox.taken()

    def _until_idle(self, happened: list[Happening]) -> None:
        """Turn after turn until nothing can be done without waiting for a delay."""
        while True:
            more = self._turn(happened)
            happened = self._mailbox.taken()
            if happened or more:
                continue
            due = self._next_due()
            if not verdict.is_idle(self.turn.context):
                happened = self._mailbox.awaited(due)
            elif due is None or due > self._clock.now():
                return

    def _turn(self, happened: list[Happening]) -> bool:
        """One turn; True when another is wanted at once."""
        turn = self.turn
        turn.time_came(self._clock.now())
        for what in happened:
            self._apply(what)
        more = turn.settle()
        changes = turn.taken_changes()
        if changes:
            asked = steady()
            self._writer.write(changes, turn.context.now)
            self._tenure.confirmed(asked)
        if self._hears_turns or changes.attempts or changes.answers:
            self._announcer.turn_recorded(changes, turn.context.now, self._asked)
        if changes.answers:
            for request, reason in changes.answers:
                del self._asked[request]
                self._answered(request, reason)
            self._tell_pausing()
        self._dispatch(changes)
        return self._pools.settle(changes.units, turn.context.now) or more

    def _apply(self, what: Happening) -> None:
        """Let the decision know what happened."""
        if isinstance(what, Ended):
            task = self._dispatcher.taken_back(what.ticket)
            if task is not None and what.outcome.is_late and task.ending is None:
                if not self._dispatcher.is_holding:
                    self._tenure.check(again=True)
                self._dispatcher.start(task, self._tenure.end)
            elif task is not None:
                outcome = self._kept(task, what.outcome)
                if self._clock.is_simulated:
                    outcome = replace(outcome, seconds=None)
                for emission in outcome.emitted:
                    self.turn.emitted(task, emission)
                self.turn.ended(task, outcome)
        elif isinstance(what, Emitted):
            task = self._dispatcher.having(what.ticket)
            if task is not None:
                self.turn.emitted(task, what.emission)
        elif isinstance(what, Triggered):
            self.turn.trigger(what.event, what.sequence)
        elif isinstance(what, Freed):
            self._pools.look_again()
        elif isinstance(what, Asked):
            self._pools.look_again()  # whoever returns units sends the same word
            for request in self._requests():
                self._asked[request.id] = request.verb, request.argument
                self.turn.asked(request.id, request.verb, request.argument)
        elif isinstance(what, Silenced):
            self._dispatcher.hold()
        elif isinstance(what, Renewed):
            self._tenure.check(again=True)
            self._dispatcher.release(self._tenure.end)
        elif isinstance(what, Interrupted):
            self.turn.interrupted()
            self._interrupted = True
            self._announcer.tell(RunStopping, self.turn.context.now, len(self._dispatcher))
        elif isinstance(what, Released):
            self._is_released = True
        else:
            raise LeaseLostError

    def _kept(self, task: Task, outcome: Outcome) -> Outcome:
        """The outcome, its large result kept apart; where it cannot be stored, the try has failed."""
        try:
            self._writer.check(task, outcome)
            if outcome.ok and outcome.result is not None and task.step.role not in COMPUTING:
                self._writer.keep(task, outcome.result, outcome.files)
        except StoreError as error:
            return Outcome(False, error=f"StoreError: {error}")
        return outcome

    def _dispatch(self, changes: Changes) -> None:
        """Start what the turn started, and end what it cancelled."""
        for task in changes.starts:
            if not self._dispatcher.is_holding:
                self._tenure.check()
            if self._hears_starts and not task.is_asking:
                self._announcer.starting(task, self.turn.context.now)
            self._dispatcher.start(task, self._tenure.end)
        for task in changes.cancels:
            self._dispatcher.cancel(task)

    def _next_due(self) -> float | None:
        """When the next delay, retry or deadline is due; where nothing starts any more, deadlines alone are awaited."""
        context = self.turn.context
        return delays.next_deadline(context) if context.starts_nothing else delays.next_due(context)

    def _tell_pausing(self) -> None:
        paused = self.turn.context.state.paused
        if paused != self._paused:
            self._paused = paused
            self._announcer.tell(RunPaused if paused else RunResumed, self._clock.now())
