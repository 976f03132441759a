"""The state of a run that an engine keeps in memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from eventcore.decide.gates import Gate
from eventcore.define.pools import ResourcePool
from eventcore.define.program import Association, AssociationKey, Step
from eventcore.define.status import TaskStatus

SIGNAL = "signal"  #: stands for the ticket of a wait, which anybody may answer who can use the store


class Ending(NamedTuple):
    """What becomes of a task whose worker, or whose inside, is being ended."""

    status: TaskStatus
    error: str


class Task:
    """One step at one sequence in this recovery."""

    __slots__ = (
        "arrival", "at", "clean", "due", "ended", "ending", "holds", "is_asking", "key", "lost", "raised", "sequence",
        "started", "status", "step", "ticket", "try_number",
    )  # fmt: skip

    def __init__(self, step: Step, at: Iteration, status: TaskStatus) -> None:
        self.step = step
        self.at = at
        self.sequence = at.sequence
        self.key = step.name, at.sequence
        self.status = status
        self.try_number = 1
        self.lost = 0  #: tries that ended with their engine: they are no failures
        self.arrival: Arrival = 0  #: its place among the ready ones
        self.due: float | None = None  #: when its next try may start, UTC in seconds
        self.started: float | None = None
        self.ended: float | None = None
        self.ending: Ending | None = None  #: it is being ended, because a user or its deadline wants that
        self.ticket: str | None = None  #: of a deferred task: the digest of its ticket, or `SIGNAL`
        self.is_asking = False  #: it has asked for something in this try, and has to ask again
        self.holds = False  #: whether it has its resources
        self.raised: str | None = None  #: the events that its function raised, as a JSON list of names and sequences
        self.clean: bool | None = (
            None  #: of a container: whether everything inside succeeded; of a condition: whether it held
        )

    def __repr__(self) -> str:
        return f"{self.step.path}@{self.sequence}"


class Delay:
    """A delayed association that waits for its time."""

    __slots__ = ("association", "at", "dropped", "due")

    def __init__(self, association: Association, at: Iteration, due: float) -> None:
        self.association = association
        self.at = at
        self.due = due  #: UTC in seconds
        self.dropped = False

    @property
    def sequence(self) -> str:
        """The sequence at which the association was engaged."""
        return self.at.sequence


class Iteration:
    """One scope at one sequence: its facts, its tasks and its gates.

    In a raw program, and at the top of a flow, the scope is the root.
    """

    __slots__ = (
        "broken", "clean", "container", "delays", "facts", "failed", "gates", "halted", "inner", "number", "scope",
        "sequence", "started", "status", "tasks",
    )  # fmt: skip

    def __init__(self, scope: str, sequence: str, container: Task | None = None, number: int = 0) -> None:
        self.scope = scope
        self.sequence = sequence
        self.container = container  #: the task whose iteration it is; None in the root scope
        self.number = number  #: its place in its loop, from 1
        self.facts: set[str] = set()
        self.tasks: dict[str, Task] = {}
        self.gates: dict[str, Gate] = {}
        self.delays: list[Delay] = []
        self.inner: dict[tuple[str, str], Iteration] = {}  #: the open iterations of containers in it
        self.halted = False  #: nothing new starts in it
        self.broken = False  #: a failure that nobody handles ended it
        self.failed = False  #: it had such a failure, whether that ended it or not
        self.status = TaskStatus.active
        self.clean = False  #: it is over, and walking it again could change nothing
        self.started: float | None = None

    @property
    def is_quiet(self) -> bool:
        """True when no task, delay or gate of it is open, so that the store has all of it."""
        return not (self.gates or self.delays) and all(task.status.is_over for task in self.tasks.values())


class Walked:
    """What later iterations may ask of one: its facts that they require."""

    __slots__ = ("facts", "is_known", "is_open", "sequence")

    def __init__(self, sequence: str, *, is_open: bool = True) -> None:
        self.sequence = sequence
        self.facts: set[tuple[str, str]] = set()  #: event, and what its sequence has besides
        self.is_open = is_open
        self.is_known = True  #: this engine saw all of it; else the store is asked


class Progress:
    """One instance of a container on its way through its loop."""

    __slots__ = (
        "begun", "broken", "cancelled", "clean", "clean_before", "failed", "has_held", "is_recorded", "keys", "origin",
        "over", "size", "task", "trouble", "walked",
    )  # fmt: skip

    def __init__(self, task: Task, size: int) -> None:
        self.task = task
        self.size = size  #: of a stream, so far
        self.origin: int | None = None  #: of a stream: the recovery whose items go on; None for the present one
        self.keys: Iterator[str] | None = None  #: of the iterations that have not begun; None where numbers serve
        self.begun = 0
        self.over = 0
        self.failed = 0
        self.cancelled = 0
        self.broken = False  #: a failure ended an iteration, so no further one may begin
        self.clean = True  #: everything so far succeeded
        self.clean_before: bytearray | None = None  #: by number, which iterations an earlier recovery ended clean
        self.has_held = False  #: the condition that ends it has held
        self.trouble: tuple[str, str | None] | None = None  #: why its condition failed, and the traceback
        self.is_recorded = False
        self.walked: dict[int, Walked] = {}  #: by number, the iterations of which later ones may ask something

    def was_clean(self, number: int) -> bool:
        """Whether an earlier recovery ended the iteration clean."""
        return self.clean_before is not None and number < len(self.clean_before) and bool(self.clean_before[number])


#: a task's place in every queue: a number, or its rank and a number; the least goes first. All of one run are alike
Arrival: TypeAlias = Any


class Queue:
    """Tasks in the order of their arrival, whenever they come in; by default that in which they became ready."""

    __slots__ = ("_heap",)

    def __init__(self) -> None:
        self._heap: list[tuple[Arrival, Task]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, task: Task) -> None:
        """Put a task in the place that its arrival gives it."""
        heapq.heappush(self._heap, (task.arrival, task))

    def pop(self) -> Task:
        """Take out the task that goes first."""
        return heapq.heappop(self._heap)[1]

    def discard(self, task: Task) -> bool:
        """Take out one task, wherever it is; False if it is not there."""
        kept = [entry for entry in self._heap if entry[1] is not task]
        is_found = len(kept) < len(self._heap)
        if is_found:
            heapq.heapify(kept)
            self._heap = kept
        return is_found

    @property
    def first(self) -> Task:
        """The task that goes first."""
        return self._heap[0][1]


class Limit:
    """A limit on tasks that run at once, and the tasks that wait for a slot."""

    __slots__ = ("most", "parked", "pledged", "shy", "used")

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.used = 0
        self.parked = Queue()
        self.pledged = 0  #: tasks that ask for shared units and are to run as soon as they have them
        self.shy = Queue()  #: tasks that would ask for shared units if there was room for them

    @property
    def is_full(self) -> bool:
        """Whether no further task may run."""
        return self.most is not None and self.used >= self.most

    @property
    def room(self) -> int | None:
        """How many further tasks may ask for shared units; None for any number."""
        return None if self.most is None else max(0, self.most - self.used - self.pledged)


class PoolState:
    """A resource pool's units, and the tasks that wait for some."""

    __slots__ = ("is_shared", "limit", "name", "taken", "waiting")

    def __init__(self, pool: ResourcePool) -> None:
        self.name = pool.name
        self.limit = pool.limit  #: of one that others share: the program's, or the store's where that is higher
        self.is_shared = pool.is_shared
        self.taken = 0  #: by this run
        self.waiting = Queue()

    def has_free(self, count: int) -> bool:
        """Whether so many units are free."""
        return self.limit is None or self.taken + count <= self.limit

    def may_take(self, task: Task, count: int) -> bool:
        """Whether so many units are free, and no task that waits for some goes before this one."""
        is_first = not self.waiting or bool(task.arrival <= self.waiting.first.arrival)
        return is_first and self.has_free(count)


class Claim:
    """What a task, or the run for what it had before, wants of pools that others share; all of it or nothing."""

    __slots__ = ("is_able", "key", "needs", "task")

    def __init__(self, key: tuple[str, str], needs: dict[str, int], task: Task | None) -> None:
        self.key = key
        self.needs = needs
        self.task = task  #: None where the run takes back what it had before
        self.is_able = True  #: nothing but shared units keeps the task from starting; else others pass it by


class Sharing:
    """The units of pools that others share, as far as this run has them or wants them."""

    __slots__ = ("asked", "back", "changed", "claims", "gated", "held", "most", "withdrawn")

    MOST_CLAIMS = 100  #: claims of one run that wait in the store; further tasks ask when these have been served

    def __init__(self) -> None:
        self.claims: dict[tuple[str, str], Claim] = {}
        self.back: set[tuple[str, str]] = set()  #: the claims for what the run had before; they come before its tasks'
        self.gated: list[Task] = []  #: what is not to start before the run has that
        self.held: dict[str, dict[tuple[str, str], int]] = {}  #: who has how many units, by pool
        self.most = Limit(self.MOST_CLAIMS)
        self.asked: dict[tuple[str, str], Claim] = {}  #: the claims that the store does not have yet
        self.withdrawn: list[tuple[str, str]] = []  #: the claims that it has and is to forget
        self.changed: set[tuple[str, tuple[str, str]]] = set()  #: pool and key of what is held otherwise than it has


class Deadline(msgspec.Struct, frozen=True, eq=False):
    """A task's deadline, among the timers."""

    task: Task


class Cancelling(msgspec.Struct, frozen=True):
    """A request to cancel, from when it is taken up until what it cancels has ended."""

    request: int
    what: str  #: as messages name it; empty for the whole run
    tasks: list[Task]


class State(msgspec.Struct):
    """The run as it stands."""

    iterations: dict[tuple[str, str], Iteration] = {}
    progress: dict[tuple[str, str], Progress] = {}  #: of containers that walk their loops
    gates_under: dict[tuple[str, str], dict[str, Gate]] = {}
    live: dict[tuple[str, str], Task] = {}  #: every task that is not over
    running: dict[tuple[str, str], Task] = {}  #: those that a worker has
    deferred: dict[tuple[str, str], Task] = {}  #: by path and sequence: active without a worker, until an answer comes
    early: list[tuple[int, Mapping[str, Any]]] = []  #: requests whose tickets are of functions that still run
    overdue: list[Task] = []  #: deferred tasks whose time is up, unless an answer comes in the same turn
    late: list[Task] = []  #: tasks whose deadline has come, unless they end in the same turn
    ready: Queue = msgspec.field(default_factory=Queue)
    arrivals: int = 0
    roomy: list[Limit] = []  #: limits that got a free slot while a task waits for one
    limits: dict[str, Limit] = {}  #: of all that run, and of each executor
    limits_by_step: dict[str, list[Limit]] = {}  #: all that apply to a step, its own included
    pools: dict[str, PoolState] = {}
    sharing: Sharing | None = None  #: where the program has pools that others share
    reserved: dict[tuple[str, str], Task] = {}  #: where steps have ranks: those that have units and have not begun
    timers: list[tuple[float, int, Delay | Task | Deadline]] = []  #: a heap by due time
    timer_count: int = 0
    pending_delays: int = 0
    recorded_delays: Mapping[tuple[AssociationKey, str], tuple[float, bool]] = {}
    #: those that this recovery has recorded, by association and sequence: when each is due, and whether it is over
    failures: int = 0  #: unhandled ones
    stopped: bool = False  #: an unhandled failure, a user's cancel or Ctrl-C: only steps that survive that start
    interrupted: bool = False  #: Ctrl-C: nothing at all starts any more
    paused: bool = False  #: nothing new starts until the run is resumed
    cancelled: bool = False  #: a user ended the run
    cancelling: list[Cancelling] = []  #: what users cancelled and has not ended yet
    held_back: int = 0  #: how many steps were reached and may not run, because only others are to run again
    is_forecast: bool = False  #: nothing runs, and no deadline passes
    untouched: dict[tuple[str, str], list[Task]] = {}
    #: containers with a setup or teardown that may have nothing to do, and what waits for the setup of each
    has_evicted: bool = False  #: quiet iterations have left memory; one that is not in memory may be in the store
