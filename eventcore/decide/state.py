"""What an engine knows of a run while it works on it."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from eventcore.decide.expressions import Gate
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Association, Step
from eventcore.define.status import TaskStatus


class Task:
    """One step at one sequence in this recovery."""

    __slots__ = (
        "arrival",
        "due",
        "ended",
        "ending",
        "fresh",
        "holds",
        "lost",
        "memo",
        "result",
        "sequence",
        "started",
        "status",
        "step",
        "try_number",
    )

    def __init__(self, step: Step, sequence: str, status: TaskStatus, fresh: bool = False) -> None:
        self.step = step
        self.sequence = sequence
        self.status = status
        self.fresh = fresh  #: reached by a failure of this recovery: history does not count
        self.try_number = 1
        self.lost = 0  #: tries that ended with their engine: they are no failures
        self.arrival = 0  #: its place among the ready ones
        self.due: float | None = None  #: when its next try may start, UTC in seconds
        self.started: float | None = None
        self.ended: float | None = None
        self.ending = False  #: its worker is being ended, because somebody asked for that
        self.holds = False  #: whether it has its resources
        self.memo: str | None = None  #: what a control step keeps about itself
        self.result: str | None = None  #: kept where a control step reads it

    @property
    def key(self) -> tuple[str, str]:
        return self.step.name, self.sequence

    def __repr__(self) -> str:
        return f"{self.step.path}@{self.sequence}"


class Delay:
    """A delayed association on its way."""

    __slots__ = ("association", "dropped", "due", "fresh", "sequence")

    def __init__(self, association: Association, sequence: str, due: float, fresh: bool) -> None:
        self.association = association
        self.sequence = sequence
        self.due = due  #: UTC in seconds
        self.fresh = fresh
        self.dropped = False


class Cell:
    """One part of the program at one sequence: its facts, its tasks and its half-fulfilled expressions."""

    __slots__ = ("delays", "facts", "fresh", "fresh_facts", "gates", "halted", "scope", "sequence", "tasks")

    def __init__(self, scope: str, sequence: str) -> None:
        self.scope = scope
        self.sequence = sequence
        self.facts: set[str] = set()
        self.fresh_facts: set[str] = set()  #: those of them that a failure of this recovery set in motion
        self.tasks: dict[str, Task] = {}
        self.gates: dict[str, Gate] = {}
        self.delays: list[Delay] = []
        self.halted = False
        self.fresh = False  #: everything reached in it runs, whatever history says

    @property
    def is_quiet(self) -> bool:
        """True when nothing in it is under way or half fulfilled, and the store knows all of it."""
        over = all(task.status.is_over for task in self.tasks.values())
        return over and not (self.gates or self.delays or self.fresh_facts)


class Queue:
    """Tasks in the order in which they became ready, whenever they come in."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[int, Task]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, task: Task) -> None:
        heapq.heappush(self._heap, (task.arrival, task))

    def pop(self) -> Task:
        return heapq.heappop(self._heap)[1]


class Limit:
    """So many at once, and who waits for a place."""

    __slots__ = ("most", "parked", "used")

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.used = 0
        self.parked = Queue()

    @property
    def is_full(self) -> bool:
        return self.most is not None and self.used >= self.most


class PoolState:
    """A resource pool's units, and who waits for some."""

    __slots__ = ("limit", "name", "taken", "waiting")

    def __init__(self, pool: ResourcePool) -> None:
        self.name = pool.name
        self.limit = pool.limit
        self.taken = 0
        self.waiting: deque[Task] = deque()

    def has_free(self, count: int) -> bool:
        return self.limit is None or self.taken + count <= self.limit


@dataclass(frozen=True, slots=True)
class Past:
    """How a task stood in the latest earlier recovery that knew it."""

    status: TaskStatus
    recovery: int
    memo: str | None = None
    started: float | None = None
    ended: float | None = None


@dataclass(slots=True)
class History:
    """What earlier recoveries left: the latest status of each task, and when delays fall due."""

    tasks: Mapping[tuple[str, str], Past] = field(default_factory=dict)
    delays: Mapping[tuple[str, str], float] = field(default_factory=dict)
    only: frozenset[tuple[str, str]] | None = None  #: where given, no other step's function runs
    same_program: bool = True  #: False when the program changed since: finished loops are then walked again


@dataclass(slots=True)
class State:
    """The run as it stands."""

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    gates_under: dict[tuple[str, str], dict[str, Gate]] = field(default_factory=dict)
    live: dict[tuple[str, str], Task] = field(default_factory=dict)  #: every task that is not over
    running: dict[tuple[str, str], Task] = field(default_factory=dict)  #: those that a worker has
    ready: Queue = field(default_factory=Queue)
    arrivals: int = 0
    roomy: list[Limit] = field(default_factory=list)  #: limits that got a free place while somebody waits for one
    limits: dict[str, Limit] = field(default_factory=dict)  #: of all that run, and of each executor
    limits_by_step: dict[str, list[Limit]] = field(default_factory=dict)  #: all that apply to a step, its own included
    pools: dict[str, PoolState] = field(default_factory=dict)
    timers: list[tuple[float, int, Delay | Task]] = field(default_factory=list)  #: a heap by due time
    pending_delays: int = 0
    failures: int = 0  #: unhandled ones
    stopped: bool = False  #: an unhandled failure or Ctrl-C: nothing new starts any more
    paused: bool = False  #: nothing new starts until the run is resumed
    cancelled: bool = False  #: a user ended the run
    held_back: int = 0  #: steps that were reached and may not run, as only others are to run again
    has_evicted: bool = False  #: quiet cells were let go; a cell not in memory may be in the store
    timer_count: int = 0
