"""Draws many similar steps of a container as one, so that a graph of 300 steps is legible.

Alike are siblings of which the text about them, what is in them, and their arrows a few steps far are the same. Arrows
to any of them become arrows to the fold, so that what follows what is still to be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import msgspec

from visual.graph.closing import closed
from visual.graph.counts import counted
from visual.graph.shapes import Box, Edge, Graph, Node

SMALL = 60  #: nodes; a graph up to this size is drawn as it is, but for very wide parts
WIDE = 30  #: alike that are folded in a small graph, when there are more of them
MANY = 8  #: and in a large one
CROWD = 200  #: nodes; in a graph that has more even then, containers are drawn closed, the innermost first
ROUNDS = 3  #: how many arrows far things are compared
_nouns = {
    "step": "steps", "container": "containers", "items": "loops", "event": "events", "box": "containers",
    "fold": "containers",
}  # fmt: skip

Item = Node | Box


def folded(graph: Graph) -> Graph:
    """The graph with the larger groups of alike folded, and where it is crowded, with closed containers."""
    made = _alike(graph)
    depth = graph.root.depth
    while made.root.size > CROWD and depth > 0:
        made = _alike(closed(graph, depth))
        depth -= 1
    return made


def _alike(graph: Graph) -> Graph:
    most = WIDE if graph.root.size <= SMALL else MANY
    fold = _Fold(graph, most)
    root = fold.box(graph.root)
    return Graph(root, fold.arrows(graph.edges)) if fold.stand_in else graph


class _Fold:
    def __init__(self, graph: Graph, most: int) -> None:
        self._most = most
        self._shapes = _shapes(graph)
        self._chained = {(edge.source, edge.target) for edge in graph.edges}
        self.stand_in: dict[str, str] = {}  #: the fold's id by the id of what is in it

    def box(self, box: Box) -> Box:
        """The box with its groups folded."""
        groups: dict[Hashable, list[Item]] = {}
        for item in box.members:
            groups.setdefault(self._shapes[item.id], []).append(item)
        made = msgspec.structs.replace(box, nodes=[], boxes=[])
        for group in groups.values():
            if len(group) > self._most:
                made.nodes.append(self._one(group))
            else:
                made.nodes += [item for item in group if isinstance(item, Node)]
                made.boxes += [self.box(item) for item in group if isinstance(item, Box)]
        return made

    def arrows(self, edges: Iterable[Edge]) -> list[Edge]:
        """The arrows, each once, between what is left."""
        moved = (
            msgspec.structs.replace(edge, source=self.stand_in.get(edge.source, edge.source),
                    target=self.stand_in.get(edge.target, edge.target))
            for edge in edges
        )  # fmt: skip
        folds = set(self.stand_in.values())
        return [edge for edge in dict.fromkeys(moved) if edge.source != edge.target or edge.source not in folds]

    def _one(self, group: Sequence[Item]) -> Node:
        first, last = group[0], group[-1]
        kind = first.kind if isinstance(first, Node) else "box"
        id = first.id if kind in ("and", "or") else f"#fold of {first.id}"
        for item in group:
            self._redirect(item, id)
        if isinstance(first, Node) and kind in ("and", "or"):
            return first
        about = [f"{len(group)} {_nouns[kind]} alike", *first.about]
        ids = {item.id for item in group}
        if any(source in ids and target in ids for source, target in self._chained):
            about.append("some after others")
        state, said = counted(group)
        return Node(id, f"{first.name} … {last.name}", "fold", tuple(about), said, state)

    def _redirect(self, item: Item, id: str) -> None:
        self.stand_in[item.id] = id
        if isinstance(item, Box):
            for inner in item.members:
                self._redirect(inner, id)


def _shapes(graph: Graph) -> dict[str, Hashable]:
    """For each id a value that is the same for alike: refined round by round by the shapes around it."""
    shapes: dict[str, Hashable] = {}
    inside: dict[str, list[str]] = {}
    arrows: dict[str, list[tuple[str, str, float, str]]] = {}

    def enter(item: Item) -> None:
        members = list(item.members) if isinstance(item, Box) else []
        shapes[item.id] = ("box" if isinstance(item, Box) else item.kind, item.about)
        inside[item.id] = [inner.id for inner in members]
        arrows[item.id] = []
        for inner in members:
            enter(inner)

    enter(graph.root)
    for edge in graph.edges:
        arrows[edge.source].append(("to", edge.label, edge.delay, edge.target))
        arrows[edge.target].append(("from", edge.label, edge.delay, edge.source))
    for _ in range(ROUNDS):
        seen: dict[Hashable, int] = {}
        refined: dict[str, Hashable] = {}
        for id, shape in shapes.items():
            around = frozenset((way, label, delay, shapes[other]) for way, label, delay, other in arrows[id])
            content = frozenset(Counter(shapes[inner] for inner in inside[id]).items())
            refined[id] = seen.setdefault((shape, around, content), len(seen))
        shapes = refined
    return shapes
