"""What the rules share: the plan, history, the run's state, and what the present turn has changed so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from eventcore.decide.archive import Archive
from eventcore.decide.changes import Changes
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.ranking import Ranks
from eventcore.decide.sequences import Sequences
from eventcore.decide.state import Iteration, Limit, PoolState, Sharing, State, Task
from eventcore.define.event import Event
from eventcore.define.status import StepStatus


class Context:
    """One run as decisions see it; `now` is UTC in seconds."""

    def __init__(self, plan: Plan, history: History, archive: Archive, capacities: Mapping[str, int | None],
                 ranks: Ranks | None = None) -> None:  # fmt: skip
        self.plan = plan
        self.ranks = ranks  #: None where steps go in the order in which they become ready
        self.history = history
        self.archive = archive
        self.state = State()
        self.changes = Changes()
        self.now = 0.0
        self.sequences = Sequences()  #: that were chosen for triggers
        self.values: dict[tuple[str, str], str] = {}  #: of events on the agenda that have one, by name and sequence
        self.agenda: deque[tuple[Event, Iteration]] = deque()
        self.state.pools = {name: PoolState(pool) for name, pool in plan.pools.items()}
        if any(pool.is_shared for pool in plan.pools.values()):
            self.state.sharing = Sharing()
        most = plan.config.max_concurrent
        self.state.limits["all"] = Limit(most if most >= 1 else None)
        self.state.limits.update({f"by {name}": Limit(capacity) for name, capacity in capacities.items()})

    def raise_event(self, event: Event, sequence: str) -> None:
        """Put an event on the agenda."""
        self.agenda.append((event, self.iteration(event.scope, sequence)))

    def raise_triggers(self, task: Task, *statuses: StepStatus) -> None:
        """Raise the events that the task's step maps to these statuses, in this order."""
        triggers = task.step.triggers
        for status in statuses:
            for event in triggers.get(status, ()):
                self.agenda.append((event, task.at))

    @property
    def starts_nothing(self) -> bool:
        """Whether nothing new starts any more; where steps survive, what does not is cancelled instead."""
        return self.state.interrupted or (self.state.stopped and not self.plan.has_survivors)

    def iteration(self, scope: str, sequence: str) -> Iteration:
        """The iteration; one that is not in memory is created, or read back from the store."""
        found = self.state.iterations.get((scope, sequence))
        if found is None:
            found = self.state.iterations[scope, sequence] = Iteration(scope, sequence)
            if self.state.has_evicted:
                self._read_back(found)
        return found

    def iteration_with(self, event: Event, sequence: str) -> Iteration | None:
        """The iteration of exactly this sequence, if the event is triggered there."""
        found = self.state.iterations.get((event.scope, sequence))
        if found is None:
            if not self.state.has_evicted:
                return None
            found = self.iteration(event.scope, sequence)
        return found if event.name in found.facts else None

    def let_quiet_go(self) -> None:
        """Drop the iterations of a raw program in which nothing is in progress; the store has them."""
        iterations = self.state.iterations
        for key, found in list(iterations.items()):
            if found.is_quiet:
                del iterations[key]
                self.state.has_evicted = True

    def _read_back(self, found: Iteration) -> None:
        facts, tasks = self.archive.iteration(found.scope, found.sequence)
        found.facts.update(facts)
        for name, status in tasks:
            if name in self.plan.steps:
                found.tasks[name] = Task(self.plan.steps[name], found, status)
