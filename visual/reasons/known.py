"""What the store knows of a run, read as needed, and the form of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec

from eventcore.define.program import Role
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import StoredProgram, StoredStep
from eventcore.record.answering import OpenAnswer, answers, open_answers
from eventcore.record.pending import last_pause, pending_delays
from eventcore.record.pool_views import PoolView, holder_host, shared_pools
from eventcore.record.reading import Reader
from eventcore.record.tallies import Tally
from eventcore.record.views import DelayView, InstanceView, IterationView, RunView
from eventcore.run.next_action import NextAction, next_action
from visual.instances import Instances
from visual.outline import StepNode, flat_outline_of
from visual.reading import failures
from visual.standing import duration

#: what is said of a task in a state, where that is more than that it is in it
_ends = {
    "success": "succeeded",
    "failure": "failed",
    "skipped": "was skipped",
    "omitted": "was omitted",
    "cancelled": "was cancelled",
    "interrupted": "was interrupted",
}


class Reason(msgspec.Struct, frozen=True):
    """One thing that an instance waits for, or that ended it.

    `kind` is `event`, `requirement`, `condition`, `container`, `delay`, `retry`, `resource`, `slot`, `paused`,
    `engine`, `run`, `deadline`, `running`, `answer`, `error`, `ended`, `before`, `traceback` or `logs`.
    """

    kind: str
    text: str


class Explanation(msgspec.Struct):
    """An instance, its state in a word, and why; `sequence` is None where none is known yet."""

    path: str
    sequence: str | None
    state: str
    name: str  #: the instance as users write it, with the items of the loops around it
    reasons: list[Reason] = []
    items: list[Any] = []  #: of the loops around it, as the store keeps them


class Known:
    """A run's stored picture; reads what is asked for and keeps it."""

    def __init__(self, reader: Reader, run: RunView, now: float) -> None:
        self.reader = reader
        self.run = run
        self.now = now
        self.program: StoredProgram = reader.program(run)
        self.steps: Mapping[str, StoredStep] = self.program.step_named
        self.nodes: dict[str, StepNode] = {node.path: node for node in flat_outline_of(self.program)}
        self.instances = Instances(reader, run)
        self._instances: dict[tuple[str, str], InstanceView | None] = {}

    @property
    def is_flow(self) -> bool:
        """Whether the program was written as a flow; else it is a raw one."""
        return self.program.is_flow

    def instance(self, step: str, sequence: str) -> InstanceView | None:
        """The task of a kernel step in its latest recovery."""
        key = step, sequence
        if key not in self._instances:
            found = self.reader.instances(self.run, step=step, sequence=sequence, limit=1)
            self._instances[key] = found[0] if found else None
        return self._instances[key]

    @cached_property
    def live(self) -> list[InstanceView]:
        """The tasks that are not over, in the order in which they were reached."""
        found = self.reader.instances(self.run, statuses=(TaskStatus.ready, TaskStatus.active), limit=100_000)
        return [task for task in found if task.recovery == self.run.recovery]

    def iteration(self, node: StepNode, sequence: str) -> IterationView | None:
        """The iteration of a container that counts in the present recovery; None where it has not begun."""
        found = None if node.scope is None else self.reader.iteration(self.run, node.scope, sequence)
        return found if found is None or found.is_clean or found.recovery >= self.run.counts_from else None

    @cached_property
    def facts(self) -> set[tuple[str, str]]:
        """The public events that came in the present recovery, each with its sequence."""
        return {(event, sequence) for event, sequence, _ in self.reader.facts(self.run, self.run.recovery)}

    @cached_property
    def delays(self) -> list[DelayView]:
        """The delays on their way, the next one first."""
        return pending_delays(self.reader, self.run)

    @property
    def pause(self) -> str | None:
        """That the run is paused, and by whom; None where it is not."""
        if not self.run.is_paused or self.run.ended is not None:
            return None
        asked = last_pause(self.reader, self.run)
        by = "" if asked is None else f" by {asked[0]} at {datetime.fromtimestamp(asked[1]):%Y-%m-%d %H:%M:%S}"
        return f"the run is paused{by}" + (f"; {self.next_action}" if self.run.is_held else "")

    @property
    def next_action(self) -> NextAction | None:
        """What a user can do next about the run."""
        return next_action(self.run, self.reader.location)

    @cached_property
    def answers(self) -> Mapping[tuple[str, str], tuple[str, float]]:
        """Who answered waits and deferred steps, and when, by path and sequence."""
        return answers(self.reader.connection, self.run, self.program)

    @cached_property
    def open_answers(self) -> list[OpenAnswer]:
        """Answers that no engine has seen yet."""
        return open_answers(self.reader.connection, self.run)

    @cached_property
    def _shared_pools(self) -> list[PoolView]:
        return shared_pools(self.reader, self.now)

    def shared_pool(self, name: str) -> PoolView | None:
        """A pool that the program shares with other runs; of its host's, that of the run's engine."""
        scope, host = self.program.shared[name], holder_host(self.reader, self.run)
        found = (pool for pool in self._shared_pools if (pool.name, pool.scope) == (name, scope))
        return next((pool for pool in found if pool.host in ("", host)), None)

    @cached_property
    def tallies(self) -> Mapping[str, Tally]:
        """All instances counted, by kernel step."""
        return self.reader.tallies(self.run)

    @cached_property
    def unhandled(self) -> list[InstanceView]:
        """The failures that nothing handles, the first few."""
        failed = failures(self.reader, self.run, 200)
        return [task for task in failed if not self._is_silent(task.step) and not self.steps[task.step].handled]

    def _is_silent(self, step: str) -> bool:
        return step not in self.steps or self.steps[step].role is Role.container or self.steps[step].is_hidden

    def shown(self, task: InstanceView) -> str:
        """A task as users write it."""
        return self.instances.name(task.step, task.sequence, task.recovery)

    def named(self, node: StepNode, sequence: str) -> str:
        """An instance as users write it, reached or not."""
        return self.instances.name(node.kernel_at(sequence) if self.is_flow else node.kernel_name, sequence)

    def does_work(self, task: InstanceView) -> bool:
        """Whether a worker runs the task, so that it takes a slot."""
        step = self.steps.get(task.step)
        return step is not None and step.function is not None

    def priority(self, task: InstanceView) -> int:
        """The task's priority: who goes first when places are scarce."""
        step = self.steps.get(task.step)
        return int(step.config.get("priority", 0)) if step is not None else 0

    def ahead(self, task: InstanceView) -> list[InstanceView]:
        """The tasks that wait like this one and are of higher priority."""
        mine = self.priority(task)
        waiting = (one for one in self.live if one.status is TaskStatus.ready and one.due is None)
        return [one for one in waiting if self.priority(one) > mine]

    def at(self, time: float) -> str:
        """A time: `at 2026-11-21 02:00:00`."""
        return f"at {datetime.fromtimestamp(time):%Y-%m-%d %H:%M:%S}"

    def due(self, time: float) -> str:
        """When something is due, or was: `is due in 2 min 5 s (at ...)`."""
        at, left = datetime.fromtimestamp(time).strftime("%Y-%m-%d %H:%M:%S"), time - self.now
        if left <= 0:
            return f"was due at {at}"
        return f"is due {'now' if left < 1 else f'in {duration(left)}'} (at {at})"


def state_of(task: InstanceView, run: RunView) -> str:
    """The state of a task in a word."""
    if (
        task.status is TaskStatus.active
        and task.ticket is None
        and not run.is_held
        and run.verdict is not Verdict.pending
    ):
        return "interrupted"
    return task.status.value


def passed(task: InstanceView, run: RunView) -> str:
    """What has become of a task, as the end of a sentence: `failed`, `is active`."""
    state = state_of(task, run)
    return _ends.get(state, f"is {state}")


def listed(names: list[str], most: int = 5) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
