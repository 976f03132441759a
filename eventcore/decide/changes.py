"""What one turn changes: the rows to record in one commit, and the tasks to start after it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from eventcore.decide.history import DelayKey
from eventcore.decide.state import Delay, Iteration, Progress, Task
from eventcore.define.scopes import Items
from eventcore.define.status import TaskStatus


class Attempt(msgspec.Struct, frozen=True):
    """One finished try of a task."""

    task: Task
    try_number: int
    status: TaskStatus
    started: float | None
    ended: float
    error: str | None
    traceback: str | None


Key = tuple[str, str]  #: step and sequence


class UnitChanges(msgspec.Struct, frozen=True):
    """What is to change in the store about units of shared pools, in this order."""

    withdrawn: list[Key] = []
    held: list[tuple[str, Key, int]] = []  #: pool, who, and how many units it has from now on; 0: none
    moved: list[tuple[Key, bool]] = []  #: claims that others are to pass by (False), or are not to any more
    asked: list[tuple[Key, dict[str, int], bool]] = []  #: new claims, each with how many units of which pools

    def __bool__(self) -> bool:
        return bool(self.withdrawn or self.held or self.moved or self.asked)


class Leftovers(msgspec.Struct, frozen=True):
    """What has no place in a changed program: tasks and iterations are recorded as cancelled, delays as over."""

    tasks: list[tuple[str, str]]  #: (step, sequence)
    iterations: list[tuple[str, str]]  #: (scope, sequence)
    delays: list[DelayKey]

    def __bool__(self) -> bool:
        return bool(self.tasks or self.iterations or self.delays)


class Changes(msgspec.Struct):
    """Collected while a turn decides."""

    facts: list[tuple[str, str, str, str | None]] = []  #: (scope, event, sequence, value as tagged JSON)
    created: dict[tuple[str, str], Task] = {}
    updated: dict[tuple[str, str], Task] = {}
    begun: dict[tuple[str, str], Iteration] = {}
    over: dict[tuple[str, str], Iteration] = {}  #: ended, or halted
    loops: dict[tuple[str, str], Progress] = {}
    items: list[
        tuple[Task, Items, int | None]
    ] = []  #: each with the recovery that they are of, None for the present one
    carried: list[tuple[Task, int]] = []  #: skipped tasks, and the recovery of their result
    results: dict[tuple[str, str], str] = {}
    attempts: list[Attempt] = []
    deadlines: list[tuple[Task, float]] = []  #: tasks whose deadline is fixed now, and when it is
    delays_begun: list[Delay] = []
    delays_over: list[Delay] = []
    starts: list[Task] = []
    cancels: list[Task] = []
    leftovers: Leftovers | None = None
    answers: list[tuple[int, str | None]] = []  #: requests, each with why it was refused
    moved: list[tuple[int, Mapping[str, Any]]] = []  #: requests to trigger, each with the sequence at which it is done
    ended: list[Task] = []  #: tasks that are over now, for observers
    units: UnitChanges | None = None  #: what follows for shared pools, right after the commit

    def __bool__(self) -> bool:
        """True when there is something to record."""
        return bool(
            self.facts or self.created or self.updated or self.begun or self.over or self.loops or self.attempts
            or self.deadlines or self.delays_begun or self.delays_over or self.answers or self.leftovers
        )  # fmt: skip

    def touched(self, task: Task) -> None:
        """Note that the task differs from its row in the store."""
        if task.key not in self.created:
            self.updated[task.key] = task
