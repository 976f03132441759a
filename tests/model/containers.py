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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from eventcore.define.status import StepStatus, TaskStatus
from tests.model.kernel import Outcome, holds
from tests.model.standing import ROOT, Items, Standing
from tests.model.tree import Instance, NodeSpec, Path, Scope, TreeSpec, fails_the_run, parts, stops_the_run


class Action(NamedTuple):
    """A leaf execution starts or ends."""

    kind: Literal["start", "end"]
    instance: Instance


Outcomes: TypeAlias = Callable[[Path, str], Outcome]
Schedule: TypeAlias = Callable[[Sequence[Action]], Action]


@dataclass(frozen=True)
class TreeResult:
    """How every instance that was reached ended (success, failure or cancelled), the verdict, and what happened."""

    statuses: Mapping[Instance, TaskStatus]
    verdict: bool
    trace: tuple[Action, ...] = ()


class IllegalTraceError(Exception):
    """A recorded run started or ended something that could not be, or left undone what could be done."""


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


class _Run(Standing):
    """A run, and the rules by which it moves."""

    def __init__(self, tree: TreeSpec, outcomes: Outcomes, history: History, items: Items) -> None:
        super().__init__(tree, items)
        self.outcomes, self.history = outcomes, history
        self.queue: list[Instance] = []
        self.running: list[Instance] = []
        self.failed = self.stopped = False

    def run(self, schedule: Schedule) -> TreeResult:
        trace: list[Action] = []
        self.derive()
        while enabled := self.enabled():
            trace.append(schedule(enabled))
            self.happen(trace[-1])
            self.derive()
        statuses = {instance: status for instance, status in self.ends.items() if status is not None}
        return TreeResult(statuses, not self.failed, tuple(trace))

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
            self.finish(instance, TaskStatus(self.outcomes(*instance)))

    def finish(self, instance: Instance, status: TaskStatus) -> None:
        """A step ends; one that has found nothing to do (omitted) has neither succeeded nor failed.

        One that fails before it starts, as it must run or its condition fails, counts as one that started.
        """
        self.ends[instance] = status
        self.moments |= {(instance, StepStatus.ready), (instance, StepStatus.active)}
        if status is not TaskStatus.omitted:
            self.moments |= {(instance, StepStatus(status.value)), (instance, StepStatus.complete)}
        if status is TaskStatus.failure and not is_condition(instance):
            self.failed |= fails_the_run(self.tree, instance.path)
            self.stopped |= stops_the_run(self.tree, instance)

    def derive(self) -> None:
        """Everything that follows without a leaf starting or ending."""
        while any(self.look_at(scope) for scope in self.iterations):
            pass

    def look_at(self, scope: Scope) -> bool:
        """Apply the first rule that changes something in one iteration."""
        if self.iterations[scope] is not None:
            return False
        ends = self.stopped if scope == ROOT else (self.tree.stop_on_exception and self.has_failed(scope))
        if ends and scope not in self.ended:
            self.ended.add(scope)
            return True
        return any(self.advance(scope, path, node) for path, node in self.inside(scope)) or self.level_ends(scope)

    def advance(self, scope: Scope, path: Path, node: NodeSpec) -> bool:
        """Apply the first rule that changes something about one child of one iteration."""
        instance = Instance(path, scope.sequence)
        if instance in self.ends:
            return False
        if (instance, StepStatus.ready) not in self.moments:
            return self.reach(scope, path, node)
        if parts(path, node):
            return self.iterate(scope, path, node)
        if self.is_ended(scope, path) and instance in self.queue:
            self.queue.remove(instance)
            self.miss(instance, node, TaskStatus.cancelled)
            return True
        return False

    def reach(self, scope: Scope, path: Path, node: NodeSpec) -> bool:
        """A child is reached when its `require` holds, and not reached when it can no longer hold or all has ended."""
        instance, asked = Instance(path, scope.sequence), Instance(f"{path}?", scope.sequence)
        if asked in self.running:
            return False
        if self.ends.get(asked) is TaskStatus.failure:
            self.finish(instance, TaskStatus.failure)
        elif self.is_ended(scope, path) or self.ends.get(asked) is TaskStatus.omitted:
            self.withdraw(asked)
            self.miss(instance, node)
        elif node.require is not None and not holds(node.require, lambda clause: self.may_hold(clause, scope)):
            self.miss(instance, node)
        elif node.require is not None and not holds(node.require, lambda clause: self.has_come(clause, scope)):
            return False
        elif node.when and asked not in self.ends:
            return self.ask(asked)
        else:
            self.begin(instance, path, node)
        return True

    def begin(self, instance: Instance, path: Path, node: NodeSpec) -> None:
        """A step is ready; what is recorded of it in the history counts."""
        self.moments.add((instance, StepStatus.ready))
        past = self.history.get(instance)
        if parts(path, node):
            self.walked.add(instance)
            self.moments.add((instance, StepStatus.active))
        elif past in (TaskStatus.success, TaskStatus.omitted):
            self.moments.add((instance, StepStatus.active))
            self.finish(instance, past)
        else:
            self.queue.append(instance)

    def ask(self, asked: Instance) -> bool:
        """Have the condition of a step evaluated, unless an earlier recovery has its answer."""
        past = self.history.get(asked)
        if past in (TaskStatus.success, TaskStatus.omitted):
            self.finish(asked, past)
        elif asked in self.queue:
            return False
        else:
            self.queue.append(asked)
        return True

    def withdraw(self, asked: Instance) -> None:
        if asked in self.queue:
            self.queue.remove(asked)
            self.ends[asked] = TaskStatus.cancelled

    def miss(self, instance: Instance, node: NodeSpec, end: TaskStatus | None = None) -> None:
        """A step will not run. If it, or one inside, must, it fails instead, unless the run has failed already."""
        if not node.needs_to_run or self.failed:
            self.ends[instance] = end
            return
        self.finish(instance, TaskStatus.failure)
        if not node.must_run:  # nothing around the step inside handles that
            self.failed = True
            self.stopped |= self.tree.stop_on_exception

    def level_ends(self, scope: Scope) -> bool:
        """Everything on a level is over but the steps that come last there."""
        body = [Instance(path, scope.sequence) for path, _ in self.inside(scope) if path not in self.last[scope.path]]
        if not self.last[scope.path] or scope in self.levels or any(one not in self.ends for one in body):
            return False
        if self.has_failed(scope, body) or (scope == ROOT and self.failed):
            self.levels[scope] = TaskStatus.failure
        else:
            self.levels[scope] = TaskStatus.cancelled if scope in self.ended else TaskStatus.success
        return True

    def iterate(self, scope: Scope, path: Path, node: NodeSpec) -> bool:
        """Go on with a container (or a looping leaf) that has started: end it, or start its next iteration."""
        instance = Instance(path, scope.sequence)
        mine = [Scope(path, f"{scope.sequence}.{key}") for key in self.keys(instance)]
        started = [inner for inner in mine if inner in self.iterations]
        going = [inner for inner in started if self.iterations[inner] is None]
        is_ended = self.is_ended(scope, path)
        if is_ended and not self.ended.issuperset(going):
            self.ended |= set(going)
            return True
        for inner in going:
            if self.is_over(inner):
                halted = TaskStatus.cancelled if inner in self.ended else TaskStatus.success
                self.iterations[inner] = TaskStatus.failure if self.has_failed(inner) else halted
                return True
        if going and (self.has_begun_all(instance) or len(started) == len(mine) or len(going) >= node.concurrent):
            return False
        if not self.has_begun_all(instance) and len(started) < len(mine):
            self.iterations[mine[len(started)]] = None
            return True
        if any(self.iterations[inner] is TaskStatus.failure for inner in started):
            self.finish(instance, TaskStatus.failure)
        elif is_ended:
            self.ends[instance] = TaskStatus.cancelled
        else:
            self.finish(instance, TaskStatus.success)
        return True

    def is_over(self, scope: Scope) -> bool:
        """An iteration is over when every child is finished or can no longer be reached."""
        return all(Instance(path, scope.sequence) in self.ends for path, _ in self.inside(scope))


def is_condition(instance: Instance) -> bool:
    return instance.path.endswith("?")
