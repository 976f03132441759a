"""Which steps a run that goes on can no longer reach, unless something is rerun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from eventcore.define.tree import Tree, group_of
from visual.outline import StepNode
from visual.standing import NOT_REACHED, Standing
from visual.totals import OVER, total_of

#: the states in which an instance has given what a requirement asks for; with other words, any state has
GIVEN = {"success": ("success", "skipped"), "failure": ("failure",), "complete": ("success", "skipped", "failure")}


def out_of_reach(nodes: Iterable[StepNode], standings: Mapping[str, Standing]) -> dict[str, Standing]:
    """The standings of steps that have no instances and will not get any, by the kernel's step names.

    What they require cannot come any more, or the container around them is over.
    """
    nothing = Standing(NOT_REACHED, {}, None)
    names = _Reach(nodes, standings).lost()
    return {name: msgspec.structs.replace(standings.get(name, nothing), state=NOT_REACHED) for name in names}


class _Reach:
    def __init__(self, nodes: Iterable[StepNode], standings: Mapping[str, Standing]) -> None:
        self._standings = standings
        self._nodes: dict[str, StepNode] = {}
        self._around: dict[str, int | None] = {}  #: in how many iterations each path stands; None: not known yet
        self._lost: set[str] = set()
        for node in nodes:
            self._enter(node, 1)

    def lost(self) -> Iterator[str]:
        """The kernel's names of what can no longer be reached; each may put others out of reach."""
        before = -1
        while len(self._lost) > before:
            before = len(self._lost)
            for path, node in self._nodes.items():
                if path not in self._lost and self._is_lost(node):
                    self._lost.add(path)
        return (self._nodes[path].kernel_name for path in self._lost)

    def _enter(self, node: StepNode, around: int | None) -> None:
        self._nodes[node.path], self._around[node.path] = node, around
        inside = total_of(self._standings, node, around)
        for child in node.children:
            self._enter(child, inside)

    def _is_lost(self, node: StepNode) -> bool:
        if any(self._counts(name) for name in node.kernel_names):
            return False
        container = self._nodes.get(node.parent or "")
        if container is not None and (container.path in self._lost or self._is_over(container)):
            return True
        return node.require is not None and self._cannot_hold(node.require)

    def _cannot_hold(self, tree: Tree) -> bool:
        group = group_of(tree)
        if group is not None:
            lost = sum(self._cannot_hold(part) for part in group.parts)
            return len(group.parts) - lost < group.needed
        if "step" not in tree or "back" in tree or tree["status"] == "over":
            return False
        node = self._nodes[tree["step"]]
        if node.path in self._lost:
            return True
        counts = self._counts(node.step.name)
        if "event" in tree:
            return False  # it may have been emitted, whatever has become of the step
        return self._is_over(node) and not any(counts.get(state) for state in GIVEN.get(tree["status"], OVER))

    def _is_over(self, node: StepNode) -> bool:
        """Whether the step or container has ended in every iteration that it stands in."""
        counts = self._counts(node.step.name)
        return sum(counts.get(state, 0) for state in OVER) == self._around[node.path]

    def _counts(self, name: str) -> Mapping[str, int]:
        return self._standings[name].counts if name in self._standings else {}
