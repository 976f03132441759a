"""One turn of the engine: what happened goes in, `Changes` come out.

The engine calls the functions of this class with what happened since the last turn, then `settle`, records the
changes in one commit and starts `changes.starts`. Facts are followed breadth-first in the order in which they were
raised, associations and expressions in the order of their definition.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from eventcore.decide import (
    deadlines,
    deferring,
    delays,
    emitting,
    halting,
    loops,
    outcomes,
    resources,
    retrying,
    scheduling,
    sharing,
    steering,
    tasks,
    triggering,
)
from eventcore.decide.archive import Archive
from eventcore.decide.changes import Changes, Key
from eventcore.decide.context import Context
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.ranking import Ranks
from eventcore.decide.state import Deadline, Delay, Task
from eventcore.define.event import Event
from eventcore.define.outcome import Emission, Outcome
from eventcore.define.program import Role


class Turn:
    """Decides for one run; keeps its `context` from turn to turn and hands out the changes of each."""

    STARTS_A_TURN = 1_000  #: a commit comes at the latest after so many starts, so that memory stays bounded
    QUIET_ITERATIONS = 4_096  #: so many quiet iterations of a raw program stay in memory

    def __init__(self, plan: Plan, history: History, archive: Archive, capacities: Mapping[str, int | None],
                 ranks: Ranks | None = None) -> None:  # fmt: skip
        self.context = Context(plan, history, archive, capacities, ranks)
        self._sweep_at = self.QUIET_ITERATIONS

    # what may happen

    def start(self, event: Event, sequence: str, value: str | None = None) -> None:
        """An event of the program's start is raised; one that is triggered there already changes nothing."""
        if value is None:
            self.context.raise_event(event, sequence)
        else:
            emitting.come(self.context, event, self.context.iteration(event.scope, sequence), value)

    def trigger(self, event: str, sequence: str) -> None:
        """An event is raised from outside; raises `ProgramError` for one that the program does not have."""
        steering.trigger(self.context, event, sequence)

    def emitted(self, task: Task, emission: Emission) -> None:
        """The task's function has triggered or emitted an event that is to come at once."""
        emitting.emitted(self.context, task, emission)

    def ended(self, task: Task, outcome: Outcome) -> None:
        """A worker has finished with the task for now; `outcome.seconds` are those of the context's clock."""
        if outcome.seconds is not None:
            tasks.took(self.context, task, outcome.seconds)
        if task.step.role is Role.stream and loops.item_came(self.context, task, outcome):
            return
        outcomes.worker_ended(self.context, task, outcome)

    def interrupted(self) -> None:
        """The user wants the engine to stop: what runs may finish, nothing new starts."""
        self.context.state.stopped = self.context.state.interrupted = True
        halting.give_up_streams(self.context)

    def asked(self, request: int, verb: str, argument: Mapping[str, Any]) -> None:
        """A user asks something of the run, see `eventcore.decide.steering`."""
        steering.take_up(self.context, request, verb, argument)

    def granted(self, keys: Collection[Key], limits: Mapping[str, int | None]) -> bool:
        """The store has granted claims to shared units, and tells the limits; True when another turn is wanted."""
        is_changed = sharing.limited(self.context, limits)
        resources.granted(self.context, keys)
        return bool(keys) or is_changed

    def time_came(self, now: float) -> None:
        """Take the time, UTC in seconds, and what has fallen due by it."""
        context = self.context
        context.now = now
        timers = context.state.timers
        if not timers or timers[0][0] > now:
            return
        for due in delays.taken_due(context):
            if isinstance(due, Delay):
                triggering.follow(context, due.association.target, due.at)
            elif isinstance(due, Deadline):
                context.state.late.append(due.task)
            elif due.ticket is None:
                retrying.due_again(context, due)
            else:
                context.state.overdue.append(due)

    def settle(self) -> bool:
        """Follow everything to its consequences; True when more is left that needs another turn at once."""
        context, starts = self.context, 0
        if context.state.early:
            deferring.take_up_early(context)
        if context.state.overdue:
            deferring.time_out(context)
        if context.state.late:
            deadlines.end_late(context)
        while True:
            if context.agenda:
                triggering.spread(context)
            if starts >= self.STARTS_A_TURN:
                return True
            if scheduling.start_next(context):
                starts += 1
            elif context.state.sharing is None or not sharing.promoted(context):
                break
        if context.state.cancelling:
            steering.answer_cancelled(context)
        if not context.plan.has_scopes and len(context.state.iterations) > self._sweep_at:
            context.let_quiet_go()
            # a sweep looks at what came since the last one, so the cost stays proportional
            self._sweep_at = max(self.QUIET_ITERATIONS, 2 * len(context.state.iterations))
        return False

    def taken_changes(self) -> Changes:
        """What this turn changed; the next one starts empty."""
        changes, self.context.changes = self.context.changes, Changes()
        if self.context.state.sharing is not None:
            changes.units = sharing.published(self.context)
        return changes
