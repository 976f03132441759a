"""An executable reading of "Flow semantics" in `docs/design.md`, slow on purpose: what a flow must end with.

The only things that happen are starts and ends of leaf executions; everything else (containers, iterations, dead paths)
follows from them and is derived by trying all rules until none changes anything.

What is determined, and so what may be compared with a real run:

- Without `stop_on_exception`, or if nothing fails unhandled: everything, whatever the order (`run_tree`).
- With it: the verdict, always that of the flow that does not stop; and what succeeded or failed did so there too
  (`stopped_tree_errors`).
- With it, once the order of starts and ends of leaves is known: everything (`replay`), except how the run leaves
  what it never finished: here it is cancelled, and its containers failed or cancelled.
- With it, for a flow in which at most one leaf can be ready at a time, as `strategies.chained_trees` makes them:
  everything, without knowing the order (`run_tree`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from eventcore.define.status import StepStatus, TaskStatus
from tests.model.kernel import Outcome, Tree, atoms, holds

Path: TypeAlias = str  #: names joined with `/`; the root is the empty path


class Instance(NamedTuple):
    """One `path@sequence`; an execution of a leaf with a loop has the leaf's path and one key more."""

    path: Path
    sequence: str


class Scope(NamedTuple):
    """One iteration of a container: its path, and the sequence at which its children run."""

    path: Path
    sequence: str


class Action(NamedTuple):
    """A leaf execution starts or ends."""

    kind: Literal["start", "end"]
    instance: Instance


Outcomes: TypeAlias = Callable[[Path, str], Outcome]
Items: TypeAlias = Mapping["Instance", tuple[str, ...]]  #: the keys of loops that were computed before
Schedule: TypeAlias = Callable[[Sequence[Action]], Action]


@dataclass(frozen=True)
class Clause:
    """`(step, status)`, the step by its full path: a sibling, or a child of an enclosing container."""

    path: Path
    status: StepStatus


@dataclass(frozen=True)
class NodeSpec:
    """A step; with children it is a container. `loop` is a number of items, or the keys of a mapping."""

    name: str
    children: "tuple[NodeSpec, ...]" = ()
    loop: int | tuple[str, ...] | None = None
    concurrent: int = 1
    require: Tree[Clause] | None = None
    delay: float = 0.0  #: seconds; changes no end, only when it comes

    @property
    def keys(self) -> tuple[str, ...]:
        """design.md, Sequences: iterations are 1-based numbers, or a mapping's keys; without a loop there is one."""
        if isinstance(self.loop, tuple):
            return self.loop
        return tuple(str(number + 1) for number in range(1 if self.loop is None else self.loop))


@dataclass(frozen=True)
class TreeSpec:
    """A flow as data."""

    children: tuple[NodeSpec, ...]
    stop_on_exception: bool = True
    max_concurrent: int = 1


@dataclass(frozen=True)
class TreeResult:
    """How every instance that was reached ended (success, failure or cancelled), the verdict, and what happened."""

    statuses: Mapping[Instance, TaskStatus]
    verdict: bool
    trace: tuple[Action, ...] = ()


class IllegalTraceError(Exception):
    """A recorded run started or ended something that could not be, or left undone what could be done."""


def depth(path: Path) -> int:
    return len(path.split("/"))


def parts(path: Path, node: NodeSpec) -> list[tuple[Path, NodeSpec]]:
    """What one iteration of a step runs: a container's children, a looping leaf's body, nothing for a plain leaf."""
    if node.children:
        return [(f"{path}/{child.name}", child) for child in node.children]
    return [] if node.loop is None else [(path, replace(node, loop=None, require=None))]


def walk(tree: TreeSpec) -> Iterator[tuple[Path, NodeSpec]]:
    """All steps of a flow with their paths, containers before their children."""
    waiting = [(child.name, child) for child in tree.children]
    while waiting:
        path, node = waiting.pop(0)
        yield path, node
        waiting = [(f"{path}/{child.name}", child) for child in node.children] + waiting


def executions(tree: TreeSpec) -> list[Instance]:
    """Every leaf execution that could happen at all."""

    def below(path: Path, node: NodeSpec, sequence: str) -> list[Instance]:
        inner = parts(path, node)
        if not inner:
            return [Instance(path, sequence)]
        return [found for key in node.keys for p, child in inner for found in below(p, child, f"{sequence}.{key}")]

    return [found for child in tree.children for found in below(child.name, child, "1")]


def is_caught(tree: TreeSpec, instance: Instance) -> bool:
    """design.md, Containers: a failure is handled if a clause takes that step's failure (or complete).

    A failure that only a handler of an enclosing container takes is not caught here: it fails its iteration and its
    container, and is caught there.
    """
    if len(instance.sequence.split(".")) > depth(instance.path):
        return False  # an execution of a looping leaf: clauses name the whole leaf
    clauses = [clause for _, node in walk(tree) if node.require is not None for clause in atoms(node.require)]
    takes = (StepStatus.failure, StepStatus.complete)
    return any(clause.path == instance.path and clause.status in takes for clause in clauses)


def stops_the_run(tree: TreeSpec, instance: Instance) -> bool:
    """design.md, Failure: whether nothing at all starts after this leaf failed, because no clause handles that.

    design.md, Containers: one that a sibling, or a handler of a container around it, takes ends no more than it must.
    """
    names = instance.path.split("/")
    around = ["/".join(names[:length]) for length in range(1, len(names) + 1)]
    clauses = [clause for _, node in walk(tree) if node.require is not None for clause in atoms(node.require)]
    takes = (StepStatus.failure, StepStatus.complete)
    return tree.stop_on_exception and not any(clause.path in around and clause.status in takes for clause in clauses)


def first(enabled: Sequence[Action]) -> Action:
    """First ready, first started; free slots are filled before anything ends."""
    return enabled[0]


History: TypeAlias = Mapping[Instance, TaskStatus]  #: the latest status of each instance


def run_tree(
    tree: TreeSpec,
    outcomes: Outcomes,
    schedule: Schedule = first,
    history: History = MappingProxyType({}),
    items: Items = MappingProxyType({}),
) -> TreeResult:
    """Run a flow to its end, or with `history` its next recovery, in the order that `schedule` picks.

    A loop whose items are recorded in `items` keeps these, whatever the flow says now.
    What is recorded as success is a success at once in a recovery, however it is reached.
    """
    return _Run(tree, outcomes, history, items).run(schedule)


def replay(
    tree: TreeSpec, outcomes: Outcomes, trace: Sequence[Action], history: History = MappingProxyType({})
) -> TreeResult:
    """Follow a recorded run; raises `IllegalTraceError` where it departs from what could happen.

    The trace is in the order in which the engine recorded starts and ends, for `invoke` that of the calls.
    """
    remaining = list(trace)

    def follow(enabled: Sequence[Action]) -> Action:
        if not remaining:
            raise IllegalTraceError(f"ended early: {enabled} could still happen")
        if remaining[0] not in enabled:
            raise IllegalTraceError(f"{remaining[0]} happened when only {enabled} could")
        return remaining.pop(0)

    result = run_tree(tree, outcomes, follow, history)
    if remaining:
        raise IllegalTraceError(f"went on after its end: {remaining}")
    return result


def stopped_tree_errors(tree: TreeSpec, outcomes: Outcomes, observed: TreeResult) -> list[str]:
    """What is wrong with a run of a flow with `stop_on_exception`, by what is determined without knowing its order."""
    unstopped = run_tree(replace(tree, stop_on_exception=False), outcomes)
    errors = [
        f"{instance}: {status.value} instead of {unstopped.statuses.get(instance)}"
        for instance, status in observed.statuses.items()
        if instance not in unstopped.statuses
        or ((status.is_done or status is TaskStatus.failure) and status is not unstopped.statuses[instance])
    ]
    if observed.verdict is not unstopped.verdict:
        errors.append(f"verdict: {observed.verdict} instead of {unstopped.verdict}")
    return errors


class _Run:
    """Where a run stands, and the rules by which it moves."""

    def __init__(self, tree: TreeSpec, outcomes: Outcomes, history: History, items: Items) -> None:
        self.tree, self.outcomes, self.history, self.items = tree, outcomes, history, items
        self.root = NodeSpec("", tree.children)
        self.moments: set[tuple[Instance, StepStatus]] = set()
        self.ends: dict[Instance, TaskStatus | None] = {}  #: None: not reached, and never will be
        self.iterations: list[Scope] = [Scope("", "1")]
        self.ended: set[Scope] = set()  #: iterations in which nothing new starts
        self.queue: list[Instance] = []
        self.running: list[Instance] = []
        self.stopped = False

    def run(self, schedule: Schedule) -> TreeResult:
        trace: list[Action] = []
        self.derive()
        while enabled := self.enabled():
            trace.append(schedule(enabled))
            self.happen(trace[-1])
            self.derive()
        statuses = {instance: status for instance, status in self.ends.items() if status is not None}
        return TreeResult(statuses, not self.has_failed(Scope("", "1")), tuple(trace))

    def enabled(self) -> list[Action]:
        limit = self.tree.max_concurrent
        has_slot = limit < 1 or len(self.running) < limit
        starts = [Action("start", instance) for instance in self.queue if has_slot]
        return starts + [Action("end", instance) for instance in self.running]

    def happen(self, action: Action) -> None:
        instance = action.instance
        if action.kind == "start":
            self.queue.remove(instance)
            self.running.append(instance)
            self.moments.add((instance, StepStatus.active))
        else:
            self.running.remove(instance)
            status = TaskStatus(self.outcomes(*instance))
            self.finish(instance, status)
            self.stopped |= status is TaskStatus.failure and stops_the_run(self.tree, instance)

    def finish(self, instance: Instance, status: TaskStatus) -> None:
        self.ends[instance] = status
        self.moments |= {(instance, StepStatus(status.value)), (instance, StepStatus.complete)}

    def derive(self) -> None:
        """Everything that follows without a leaf starting or ending."""
        while any(self.advance(scope, path, node) for scope in self.iterations for path, node in self.inside(scope)):
            pass

    def inside(self, scope: Scope) -> list[tuple[Path, NodeSpec]]:
        """What one iteration runs."""
        if not scope.path:
            return [(child.name, child) for child in self.tree.children]
        return parts(scope.path, dict(walk(self.tree))[scope.path])

    def advance(self, scope: Scope, path: Path, node: NodeSpec) -> bool:
        """Apply the first rule that changes something about one child of one iteration."""
        instance = Instance(path, scope.sequence)
        ends = self.stopped or (self.tree.stop_on_exception and self.has_failed(scope))
        if ends and scope not in self.ended:
            self.ended.add(scope)
            return True
        if instance in self.ends:
            return False
        if (instance, StepStatus.ready) not in self.moments:
            return self.reach(scope, path, node)
        if parts(path, node):
            return self.iterate(scope, path, node)
        if scope in self.ended and instance in self.queue:
            self.queue.remove(instance)
            self.ends[instance] = TaskStatus.cancelled
            return True
        return False

    def reach(self, scope: Scope, path: Path, node: NodeSpec) -> bool:
        """A child is reached when its `require` holds, and not reached when it can no longer hold or all has ended."""
        instance = Instance(path, scope.sequence)

        def happened(clause: Clause) -> bool:
            return (self.target(clause, scope), clause.status) in self.moments

        def may_happen(clause: Clause) -> bool:
            return happened(clause) or self.target(clause, scope) not in self.ends

        if scope in self.ended or (node.require is not None and not holds(node.require, may_happen)):
            self.ends[instance] = None
        elif node.require is None or holds(node.require, happened):
            self.moments.add((instance, StepStatus.ready))
            if self.history.get(instance) is TaskStatus.success and not parts(path, node):
                self.moments.add((instance, StepStatus.active))
                self.finish(instance, TaskStatus.success)
            elif parts(path, node):
                self.moments.add((instance, StepStatus.active))
            else:
                self.queue.append(instance)
        else:
            return False
        return True

    def target(self, clause: Clause, scope: Scope) -> Instance:
        """The instance a clause means: the one of the iteration that encloses, or is, this one."""
        return Instance(clause.path, ".".join(scope.sequence.split(".")[: depth(clause.path)]))

    def iterate(self, scope: Scope, path: Path, node: NodeSpec) -> bool:
        """Go on with a container (or a looping leaf) that has started: end it, or start its next iteration."""
        keys = node.keys if node.loop is None else self.items.get(Instance(path, scope.sequence), node.keys)
        mine = [Scope(path, f"{scope.sequence}.{key}") for key in keys]
        started = [inner for inner in mine if inner in self.iterations]
        going = [inner for inner in started if not self.is_over(inner)]
        failed = any(self.has_failed(inner) for inner in started)
        if scope in self.ended and not self.ended.issuperset(going):
            self.ended |= set(going)
            return True
        no_more = scope in self.ended or (failed and self.tree.stop_on_exception) or len(started) == len(mine)
        if no_more and not going:
            cancelled = scope in self.ended and not failed
            if cancelled:
                self.ends[Instance(path, scope.sequence)] = TaskStatus.cancelled
            else:
                self.finish(Instance(path, scope.sequence), TaskStatus.failure if failed else TaskStatus.success)
            return True
        if not no_more and len(going) < node.concurrent:
            self.iterations.append(mine[len(started)])
            return True
        return False

    def is_over(self, scope: Scope) -> bool:
        """An iteration is over when every child is finished or can no longer be reached."""
        return all(Instance(path, scope.sequence) in self.ends for path, _ in self.inside(scope))

    def has_failed(self, scope: Scope) -> bool:
        """An iteration fails by a child that failed unhandled."""
        children = [Instance(path, scope.sequence) for path, _ in self.inside(scope)]
        return any(self.ends.get(child) is TaskStatus.failure and not is_caught(self.tree, child) for child in children)
