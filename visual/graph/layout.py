"""A program, and perhaps a run of it, as nodes, boxes and arrows: what every kind of picture is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from eventcore.define.plain import plain
from eventcore.define.program import Role
from eventcore.define.stored import StoredProgram
from eventcore.define.tree import Tree, group_of
from visual.graph.closing import closed
from visual.graph.folding import folded
from visual.graph.kernel import WAITS, kernel_graph
from visual.graph.part import part_of
from visual.graph.shapes import Box, Edge, Graph, Node
from visual.outline import StepNode, before, how_many, outline_of
from visual.standing import Standing
from visual.totals import progress, total_of

__all__ = ["Box", "Edge", "Graph", "Node", "graph_of"]


def graph_of(program: StoredProgram, title: str, standings: Mapping[str, Standing] | None = None,
             unreached: Standing | None = None, *, kernel: bool = False, unfold: bool = False,
             path: str | None = None, depth: int | None = None) -> Graph:  # fmt: skip
    """Lay a stored program out; with `standings`, keyed by the kernel's step names, as a run of it stands.

    Flows are drawn as they were written, with `kernel` as the events and steps they were compiled to, like raw
    programs. With a `path`, only that step and its neighbours are; with a `depth`, containers inside so many others are
    closed. In wide graphs many alike are folded to one, unless `unfold`. Raises `PictureError` for an unknown path.
    """
    if kernel or not program.is_flow:
        graph = kernel_graph(program, title, standings, unreached)
    else:
        graph = Graph(Box("#flow", title))
        layout = _Layout(graph, standings, unreached)
        for node in outline_of(program):
            layout.add(node, graph.root)
    if path is not None:
        graph = part_of(graph, path)
        depth = None if depth is None else depth + 1
    if not unfold:
        return folded(graph, depth)
    return graph if depth is None else closed(graph, depth)


class _Layout:
    def __init__(self, graph: Graph, standings: Mapping[str, Standing] | None, unreached: Standing | None) -> None:
        self._graph = graph
        self._standings = standings
        self._unreached = unreached
        self._junctions = 0

    def add(self, node: StepNode, box: Box, around: int | None = 1) -> None:
        """Draw a step of a flow into its container's box, and what it requires.

        `around` is the number of iterations in which it stands, None where that is not known.
        """
        said, state = self._standing(node, around)
        if node.is_container:
            inner = Box(node.path, node.name, _about(node), said, state, node.path)
            box.members.append(inner)
            inside = total_of(self._standings or {}, node, around)
            for child in node.children:
                self.add(child, inner, inside)
        else:
            box.members.append(Node(node.path, node.name, "step", _about(node), said, state, node.path))
        if node.require is not None:
            self._require(node.require, node.path, box, node.step.delay)

    def _standing(self, node: StepNode, around: int | None) -> tuple[tuple[str, ...], str | None]:
        """What is written about how the step stands in the run, and the state that its colour tells."""
        standing = None if self._standings is None else self._standings.get(node.kernel_name, self._unreached)
        if self._standings is None or standing is None:
            return (), None
        counter = progress(self._standings, node, around)[0] if standing.counts else ""
        return (standing.counted(counter),), standing.shade

    def _require(self, tree: Tree, target: str, box: Box, delay: float) -> None:
        """A conjunction at the top is one arrow for each part; what is nested gets a junction of its own."""
        for part in tree.get("and", [tree]):
            if group_of(part) is None:
                self._graph.edges += _arrows(part, target, delay)
            else:
                self._junction(part, target, box, delay)

    def _junction(self, tree: Tree, target: str, box: Box, delay: float = 0.0) -> None:
        group = group_of(tree)
        assert group is not None
        self._junctions += 1
        name = f"#{group.word} {self._junctions}"
        box.members.append(Node(name, group.word, group.word))
        self._graph.edges.append(Edge(name, target, "", delay))
        for part in group.parts:
            if group_of(part) is None:
                self._graph.edges += _arrows(part, name)
            else:
                self._junction(part, name, box)


def _arrows(leaf: Tree, target: str, delay: float = 0.0) -> Iterator[Edge]:
    """The arrows for one clause; one on everything else on a level comes from each of the steps there."""
    status = leaf["status"]
    if "rest" in leaf:
        said = "over" if status == "over" else f"all over: {status}"
        yield from (Edge(path, target, said, delay) for path in leaf["of"])
    elif "members" in leaf:
        yield Edge(leaf["members"], target, f"{how_many(leaf).removesuffix(' of')} {status}", delay)
    elif "event" in leaf:
        yield Edge(leaf["step"], target, f"event {plain(leaf['event'])}", delay)
    elif "back" in leaf:
        yield Edge(leaf["step"], target, f"{status}{before(leaf)}", delay, is_earlier=True)
    else:
        yield Edge(leaf["step"], target, status, delay)


def _about(node: StepNode) -> tuple[str, ...]:
    step = node.step
    lines = [WAITS] if step.role is Role.wait else []
    if step.loop is not None:
        lines.append(f"loop: {step.loop}" + (f", {step.concurrent} at once" if step.concurrent > 1 else ""))
    lines += [f"{what}: {function}" for what, function in node.around]
    if step.delay and step.require is None:
        lines.append(f"after {step.delay:g} s")
    if step.when is not None:
        lines.append(f"when {plain(step.when)}")
    lines += [f"takes {count} of {pool}" for pool, count in step.acquires]
    parts = len((step.require or {}).get("and", ()))
    if parts > 1:
        lines.append("needs both" if parts == 2 else f"needs all {parts}")
    return tuple(lines)
