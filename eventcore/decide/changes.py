"""What one turn changes: the rows to record in one commit, and the tasks to start after it."""

from dataclasses import dataclass, field

from eventcore.decide.history import DelayKey
from eventcore.decide.state import Delay, Iteration, Progress, Task
from eventcore.define.program import Items
from eventcore.define.status import TaskStatus


@dataclass(frozen=True, slots=True)
class Attempt:
    """One finished try of a task."""

    task: Task
    try_number: int
    status: TaskStatus
    started: float | None
    ended: float
    error: str | None
    traceback: str | None


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What has no place in a changed program: tasks and iterations are recorded as cancelled, delays as over."""

    tasks: list[tuple[str, str]]  #: (step, sequence)
    iterations: list[tuple[str, str]]  #: (scope, sequence)
    delays: list[DelayKey]

    def __bool__(self) -> bool:
        return bool(self.tasks or self.iterations or self.delays)


@dataclass(slots=True)
class Changes:
    """Collected while a turn decides."""

    facts: list[tuple[str, str, str]] = field(default_factory=list)  #: (scope, event, sequence)
    created: dict[tuple[str, str], Task] = field(default_factory=dict)
    updated: dict[tuple[str, str], Task] = field(default_factory=dict)
    begun: dict[tuple[str, str], Iteration] = field(default_factory=dict)
    over: dict[tuple[str, str], Iteration] = field(default_factory=dict)  #: ended, or halted
    loops: dict[tuple[str, str], Progress] = field(default_factory=dict)
    items: list[tuple[Task, Items]] = field(default_factory=list)
    carried: list[tuple[Task, int]] = field(default_factory=list)  #: skipped tasks, and the recovery of their result
    results: dict[tuple[str, str], str] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    delays_begun: list[Delay] = field(default_factory=list)
    delays_over: list[Delay] = field(default_factory=list)
    starts: list[Task] = field(default_factory=list)
    cancels: list[Task] = field(default_factory=list)
    leftovers: Leftovers | None = None
    answers: list[tuple[int, str | None]] = field(default_factory=list)  #: requests, each with why it was refused
    ended: list[Task] = field(default_factory=list)  #: tasks that are over now, for observers

    def __bool__(self) -> bool:
        """True when there is something to record."""
        return bool(
            self.facts or self.created or self.updated or self.begun or self.over or self.loops or self.attempts
            or self.delays_begun or self.delays_over or self.answers or self.leftovers
        )  # fmt: skip

    def touched(self, task: Task) -> None:
        """Note that the task differs from its row in the store."""
        if task.key not in self.created:
            self.updated[task.key] = task
