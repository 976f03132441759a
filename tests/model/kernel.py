"""An executable reading of "Kernel semantics" in `docs/design.md`, slow on purpose: what a raw program must end with.

Everything is derived from the whole state again and again until nothing new appears; nothing here is incremental, and
nothing is shared with the engine but the words of `eventcore.define.status`.

- `settle` is for runs in which everything goes on to the end: facts only ever grow and a task's life depends on nothing
  but its own outcomes, so the result is the same whatever the order. Where that is not so, it says so.
- `stopped_run_errors` is for runs that an unhandled failure stopped: it checks a recorded run of any order.

Where even the order of starts is determined, see `tests.model.kernel_order`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeAlias, TypeVar

from eventcore.define.status import StepReplay, StepStatus, TaskStatus

T = TypeVar("T")
Fact: TypeAlias = tuple[str, str]  #: event, sequence
Task: TypeAlias = tuple[str, str]  #: step, sequence
Amounts: TypeAlias = tuple[tuple[str, int], ...]  #: pool, how much of it
Outcome: TypeAlias = Literal["success", "failure", "omitted"]  #: omitted: found nothing to do
Outcomes: TypeAlias = Callable[[str, str, int], Outcome]
"""How the n-th call ever (from 1, over retries and recoveries alike) of a step at a sequence ends."""


@dataclass(frozen=True)
class AllOf(Generic[T]):
    """An `and_(...)`, or a plain tuple."""

    parts: "tuple[Tree[T], ...]"


@dataclass(frozen=True)
class AnyOf(Generic[T]):
    """An `or_(...)`."""

    parts: "tuple[Tree[T], ...]"


Tree: TypeAlias = T | AllOf[T] | AnyOf[T]


def holds(tree: Tree[T], atom: Callable[[T], bool]) -> bool:
    """Whether a tree is true, given what is true of its atoms."""
    if isinstance(tree, AllOf):
        return all(holds(part, atom) for part in tree.parts)
    if isinstance(tree, AnyOf):
        return any(holds(part, atom) for part in tree.parts)
    return atom(tree)


def atoms(tree: Tree[T]) -> list[T]:
    """The atoms of a tree, from left to right."""
    if isinstance(tree, AllOf | AnyOf):
        return [atom for part in tree.parts for atom in atoms(part)]
    return [tree]


@dataclass(frozen=True)
class EventSpec:
    """`add_event(name, expr)`; the atoms of the expression name events defined before."""

    name: str
    expr: Tree[str] | None = None


@dataclass(frozen=True)
class StepSpec:
    """`add_step(...)`; `function` False: without function; `stop_on_exception` None: as the program."""

    name: str
    triggers: tuple[tuple[StepStatus, tuple[str, ...]], ...] = ()
    recovery: tuple[tuple[StepStatus, StepReplay], ...] = ()
    stop_on_exception: bool | None = None
    retries: int = 0
    acquires: Amounts = ()
    releases: Amounts | None = None
    max_concurrent: int = 0
    function: bool = True

    @property
    def handles_failure(self) -> bool:
        """design.md, Failure: a failure is handled if the step maps an event to failure or complete."""
        return bool(self.events_at(StepStatus.failure) or self.events_at(StepStatus.complete))

    def events_at(self, moment: StepStatus) -> tuple[str, ...]:
        return tuple(event for status, events in self.triggers if status is moment for event in events)


@dataclass(frozen=True)
class AssocSpec:
    """`add_assoc(event, *targets, delay=...)`; targets are names of events or of steps."""

    event: str
    targets: tuple[str, ...]
    delay: float = 0


@dataclass(frozen=True)
class ProgramSpec:
    """A program as data; names of events and of steps do not overlap."""

    events: tuple[EventSpec, ...]
    steps: tuple[StepSpec, ...] = ()
    assocs: tuple[AssocSpec, ...] = ()
    starts: tuple[Fact, ...] = ()
    pools: Amounts = ()
    stop_on_exception: bool = True
    max_concurrent: int = 1

    def step(self, name: str) -> StepSpec | None:
        return next((step for step in self.steps if step.name == name), None)

    def step_of(self, task: Task) -> StepSpec:
        return next(step for step in self.steps if step.name == task[0])

    def stops_at(self, step: StepSpec) -> bool:
        """design.md, Failure: `stop_on_exception` is config, overridable per step; it matters when unhandled."""
        stop = self.stop_on_exception if step.stop_on_exception is None else step.stop_on_exception
        return stop and not step.handles_failure

    @property
    def leaks(self) -> bool:
        """Whether a step keeps some of what it acquired, so that others may wait for ever."""
        return any(step.releases is not None and set(step.releases) != set(step.acquires) for step in self.steps)


@dataclass(frozen=True)
class KernelResult:
    """One recovery of a run at its end; `attempts` counts the calls of functions over the whole life of the run."""

    facts: frozenset[Fact]
    tasks: Mapping[Task, TaskStatus]
    verdict: bool
    attempts: Mapping[Task, int] = field(default_factory=dict)
    order: tuple[Task, ...] = ()  #: the calls in the order of their starts; only of `run_in_order`


def enclosing(sequence: str) -> list[str]:
    """A sequence and those that enclose it: `1.2.1`, `1.2`, `1`."""
    keys = sequence.split(".")
    return [".".join(keys[:length]) for length in range(len(keys), 0, -1)]


def fulfilled(expr: Tree[str], sequence: str, facts: frozenset[Fact]) -> bool:
    """design.md, Expressions: evaluated at one sequence at which an atom was triggered; sees enclosing facts too."""
    touched = any((atom, sequence) in facts for atom in atoms(expr))
    return touched and holds(expr, lambda event: any((event, outer) in facts for outer in enclosing(sequence)))


def previous_status(history: Sequence[KernelResult], task: Task) -> TaskStatus | None:
    """design.md, Recovery: the latest status of that (step, sequence) in any earlier recovery."""
    return next((past.tasks[task] for past in reversed(history) if task in past.tasks), None)


def is_skipped(step: StepSpec, previous: TaskStatus | None) -> bool:
    """design.md, Recovery: the step's policy for that status; by default success skips and everything else reruns."""
    if previous is None or previous is TaskStatus.cancelled:
        return False
    status = StepStatus.success if previous is TaskStatus.skipped else StepStatus(previous.value)
    default = StepReplay.skip if status is StepStatus.success else StepReplay.rerun
    return dict(step.recovery).get(status, default) is StepReplay.skip


@dataclass(frozen=True)
class Life:
    """All that happens to one task: how it stands in the end, the moments it passed, and how often it was called."""

    status: TaskStatus
    moments: tuple[StepStatus, ...]
    calls: int = 0


def live(
    program: ProgramSpec,
    task: Task,
    outcomes: Outcomes,
    history: Sequence[KernelResult],
    allowed: int | None = None,
) -> Life:
    """What becomes of a task that is reached, if it may be called `allowed` times (None: as often as it wants).

    A skip fires success and complete, not ready or active; it and a step without function need no call. History counts
    however the task was reached. Each try is a call; the task fails when the try after the last retry fails (see
    Recovery, Task states, Retries).
    """
    step = program.step_of(task)
    if is_skipped(step, previous_status(history, task)):
        return Life(TaskStatus.skipped, (StepStatus.success, StepStatus.complete))
    if allowed == 0:
        return Life(TaskStatus.ready, (StepStatus.ready,))
    begun = (StepStatus.ready, StepStatus.active)
    if not step.function:
        return Life(TaskStatus.success, (*begun, StepStatus.success, StepStatus.complete))
    earlier = history[-1].attempts.get(task, 0) if history else 0
    tries = step.retries + 1
    for call in range(1, (tries if allowed is None else min(allowed, tries)) + 1):
        if outcomes(*task, earlier + call) == "success":
            return Life(TaskStatus.success, (*begun, StepStatus.success, StepStatus.complete), call)
    if call < tries:
        return Life(TaskStatus.ready, begun, call)
    return Life(TaskStatus.failure, (*begun, StepStatus.failure, StepStatus.complete), call)


def consequences(
    program: ProgramSpec,
    facts: frozenset[Fact],
    lives: Mapping[Task, Life],
    served: Callable[[AssocSpec, Fact | Task], bool],
) -> tuple[frozenset[Fact], frozenset[Task]]:
    """Every fact and every reached task that follows directly from what is there, at its cause's sequence."""
    sequences = {sequence for _, sequence in facts}
    raised = set(program.starts) | {
        (event.name, sequence)
        for event in program.events
        for sequence in sequences
        if event.expr is not None and fulfilled(event.expr, sequence, facts)
    }
    for (name, sequence), life in lives.items():
        for moment in life.moments:
            raised |= {(event, sequence) for event in program.step_of((name, sequence)).events_at(moment)}
    engaged = {
        (target, sequence)
        for assoc in program.assocs
        for event, sequence in facts
        for target in assoc.targets
        if assoc.event == event and (assoc.delay == 0 or served(assoc, (target, sequence)))
    }
    reached = {(name, sequence) for name, sequence in engaged if program.step(name) is not None}
    return frozenset(raised | (engaged - reached)), frozenset(reached)


def close(
    program: ProgramSpec,
    outcomes: Outcomes,
    history: Sequence[KernelResult],
    allowed: Callable[[Task], int | None],
    served: Callable[[AssocSpec, Fact | Task], bool],
) -> KernelResult:
    """The least set of facts and tasks that contains its own consequences."""
    facts: frozenset[Fact] = frozenset()
    lives: dict[Task, Life] = {}
    while True:
        raised, reached = consequences(program, facts, lives, served)
        if raised <= facts and reached <= lives.keys():
            break
        facts |= raised
        for task in reached - lives.keys():
            lives[task] = live(program, task, outcomes, history, allowed(task))
    attempts = dict(history[-1].attempts) if history else {}
    attempts |= {task: attempts.get(task, 0) + life.calls for task, life in lives.items() if life.calls}
    tasks = {task: life.status for task, life in lives.items()}
    return KernelResult(facts, tasks, not unhandled(program, tasks), attempts)


def unhandled(program: ProgramSpec, tasks: Mapping[Task, TaskStatus]) -> list[Task]:
    """The tasks whose failure makes the verdict False."""
    failed = [task for task, status in tasks.items() if status is TaskStatus.failure]
    return [task for task in failed if not program.step_of(task).handles_failure]


def settle(program: ProgramSpec, outcomes: Outcomes, history: Sequence[KernelResult] = ()) -> KernelResult:
    """The end of a run, or with `history` of its next recovery, in which everything goes on and delays are awaited.

    Exact when `is_stopped` says no of it; otherwise the end that the run would have had without stopping, whose
    verdict, and whose facts and final states as an upper bound, still hold.
    """
    if program.leaks:
        raise ValueError("who gets the last of a leaking pool depends on the order: use run_in_order")
    return close(program, outcomes, history, lambda task: None, lambda assoc, target: True)


def is_stopped(program: ProgramSpec, settled: KernelResult) -> bool:
    """Whether the run ends early: some failure in it is unhandled and its step says stop."""
    return any(program.stops_at(program.step_of(task)) for task in unhandled(program, settled.tasks))


def stopped_run_errors(
    program: ProgramSpec, outcomes: Outcomes, run: KernelResult, history: Sequence[KernelResult] = ()
) -> list[str]:
    """What is wrong with a recorded run that was stopped; empty if nothing is, whatever order it had.

    design.md, Failure: nothing new starts, what runs may finish, delays are not awaited, the run ends as failure. So
    given which tasks were called and how often, all else is determined: their states, and that exactly the
    consequences of what happened are recorded (those behind a delay may be missing), tasks not called staying ready.
    """

    def calls(task: Task) -> int:
        if not program.step_of(task).function:
            return int(run.tasks.get(task) is not TaskStatus.ready)
        return run.attempts.get(task, 0) - (history[-1].attempts.get(task, 0) if history else 0)

    expected = close(program, outcomes, history, calls, lambda assoc, target: target in run.facts | run.tasks.keys())
    errors = []
    if run.facts != expected.facts:
        errors.append(f"facts: {sorted(run.facts)} instead of {sorted(expected.facts)}")
    if dict(run.tasks) != expected.tasks:
        errors.append(f"tasks: {sorted(run.tasks.items())} instead of {sorted(expected.tasks.items())}")
    if run.verdict:
        errors.append("verdict: True after an unhandled failure")
    if not is_stopped(program, expected):
        errors.append("stopped without a failure that stops")
    return errors
