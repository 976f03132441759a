"""Where a run of a flow stands, and which clauses hold there."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from eventcore.define.status import StepStatus, TaskStatus
from tests.model.tree import (
    Clause,
    Instance,
    Level,
    Members,
    NodeSpec,
    Path,
    Previous,
    Scope,
    TreeSpec,
    depth,
    is_caught,
    last_on,
    parent,
    parts,
    survives,
    walk,
)

Items: TypeAlias = Mapping[Instance, tuple[str, ...]]  #: the keys of loops that were computed before
ROOT = Scope("", "1")
OVER = StepStatus.over


class Standing:
    """What has happened so far in a run, and what that means."""

    def __init__(self, tree: TreeSpec, items: Items) -> None:
        self.tree, self.items = tree, items
        self.nodes = {"": NodeSpec("", tree.children), **dict(walk(tree))}
        self.survivors = {path for path in self.nodes if path and survives(tree, path)}
        self.last = {path: last_on(tree, path) for path in self.nodes}
        self.moments: set[tuple[Instance, StepStatus]] = set()
        self.ends: dict[Instance, TaskStatus | None] = {}  #: None: not reached, and never will be
        self.iterations: dict[Scope, TaskStatus | None] = {ROOT: None}  #: those that have begun, and how they ended
        self.levels: dict[Scope, TaskStatus] = {}  #: how everything but the last steps there has ended
        self.walked: set[Instance] = set()  #: containers that have started
        self.ended: set[Scope] = set()  #: iterations in which nothing new starts

    def has_come(self, clause: Clause, scope: Scope) -> bool:
        """Whether a clause holds."""
        if isinstance(clause, Level):
            return is_like(self.levels.get(scope), clause.status)
        if isinstance(clause, Members):
            return self.members(clause, scope)[0]
        target = self.target(clause, scope)
        if clause.status is OVER:
            return target is None or target in self.ends
        return target is None or (target, clause.status) in self.moments

    def may_hold(self, clause: Clause, scope: Scope) -> bool:
        """Whether a clause holds or can still come to hold."""
        if self.has_come(clause, scope):
            return True
        if isinstance(clause, Level):
            return scope not in self.levels
        if isinstance(clause, Members):
            return self.members(clause, scope)[1]
        target = self.target(clause, scope)
        assert target is not None
        if isinstance(clause, Previous):
            earlier = Scope(clause.loop, ".".join(target.sequence.split(".")[: depth(clause.loop) + 1]))
            return target not in self.ends and self.iterations[earlier] is None
        return target not in self.ends

    def around(self, path: Path, scope: Scope) -> Instance:
        """The instance of a step that encloses, or stands beside, what is in the iteration."""
        return Instance(path, ".".join(scope.sequence.split(".")[: depth(path)]))

    def target(self, clause: Clause, scope: Scope) -> Instance | None:
        """The instance that a clause on a step means; None where it is of an iteration before the first."""
        target = self.around(clause.path, scope)
        if not isinstance(clause, Previous):
            return target
        at, keys = depth(clause.loop), target.sequence.split(".")
        in_order = self.keys(self.around(clause.loop, scope))
        number = in_order.index(keys[at])
        if number < clause.back:
            return None
        return Instance(clause.path, ".".join([*keys[:at], in_order[number - clause.back], *keys[at + 1 :]]))

    def keys(self, instance: Instance) -> tuple[str, ...]:
        """The keys of a container's iterations."""
        node = self.nodes[instance.path]
        return node.keys if node.loop is None else self.items.get(instance, node.keys)

    def members(self, clause: Members, scope: Scope) -> tuple[bool, bool]:
        """Whether so many members of a container have a status, and whether that may still come to be."""
        box = self.around(clause.path, scope)
        is_loop = self.nodes[clause.path].loop is not None
        if is_loop and box not in self.walked:  # nobody knows how many there will be
            return box in self.ends and clause.status is OVER and clause.least is None, box not in self.ends
        found = self.iterations_like(clause, box) if is_loop else self.steps_like(clause, box)
        needed = len(found) if clause.least is None else clause.least
        have = found.count(True)
        return have >= needed, have + found.count(None) >= needed

    def steps_like(self, clause: Members, box: Instance) -> list[bool | None]:
        """Whether each step in a container without a loop has a status; None while that may still change."""
        inner = Scope(box.path, f"{box.sequence}.1")
        asked = [Clause(path, clause.status) for path, _ in self.inside(inner)]
        if box in self.ends and inner not in self.iterations:
            return [clause.status is OVER for _ in asked]
        return [True if self.has_come(one, inner) else None if self.may_hold(one, inner) else False for one in asked]

    def iterations_like(self, clause: Members, box: Instance) -> list[bool | None]:
        """Whether each iteration of a container that has started has a status; None while that may still change."""
        found: list[bool | None] = []
        for key in self.keys(box):
            scope = Scope(box.path, f"{box.sequence}.{key}")
            is_begun, end = scope in self.iterations, self.iterations.get(scope)
            if is_begun and clause.status in (StepStatus.ready, StepStatus.active):
                found.append(True)
            elif end is not None:
                found.append(is_like(end, clause.status))
            else:
                found.append(None if is_begun or not self.has_begun_all(box) else clause.status is OVER)
        return found

    def has_begun_all(self, box: Instance) -> bool:
        """Whether no further iteration of a container will begin."""
        if box in self.ends:
            return True
        scope = Scope(parent(box.path), box.sequence)
        mine = [Scope(box.path, f"{box.sequence}.{key}") for key in self.keys(box)]
        failed = any(self.iterations.get(inner) is TaskStatus.failure for inner in mine)
        return self.is_ended(scope, box.path) or (failed and self.tree.stop_on_exception)

    def is_ended(self, scope: Scope, path: Path) -> bool:
        """Whether the step does not start any more, because its iteration was ended and the step does not survive."""
        return scope in self.ended and path not in self.survivors

    def inside(self, scope: Scope) -> list[tuple[Path, NodeSpec]]:
        """What one iteration runs."""
        return parts(scope.path, self.nodes[scope.path])

    def has_failed(self, scope: Scope, among: Sequence[Instance] | None = None) -> bool:
        """An iteration fails by a child that failed unhandled."""
        children = [Instance(path, scope.sequence) for path, _ in self.inside(scope)] if among is None else among
        return any(self.ends.get(child) is TaskStatus.failure and not is_caught(self.tree, child) for child in children)


def is_like(end: TaskStatus | None, status: StepStatus) -> bool:
    """Whether what ended like this has the status; one that was cancelled is over, and no more."""
    if end is None or status is OVER:
        return end is not None
    return end.value == status.value or (status is StepStatus.complete and end is not TaskStatus.cancelled)
