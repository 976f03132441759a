"""The layers of a picture: the members of each box, ordered along the arrows between them."""

from __future__ import annotations

from collections.abc import Iterable

from visual.graph.shapes import Box, Edge, Graph, Node

Layers = list[list[Node | Box]]


class Ranks:
    """The layers of every box of a graph; an arrow that ends deeper counts for the members it goes through."""

    def __init__(self, graph: Graph) -> None:
        self._around: dict[str, tuple[str, ...]] = {}
        self._enter(graph.root, ())
        self._arrows: dict[str, set[tuple[str, str]]] = {}
        for edge in graph.edges:
            self._lift(edge)
        self._layers: dict[str, Layers] = {}
        self._layer(graph.root)

    def of(self, box: Box) -> Layers:
        """The members of the box: first those that follow no other, then what follows those, and so on."""
        return self._layers[box.id]

    def entries(self, item: Node | Box) -> list[Node]:
        """The nodes in which an arrow to the item can end."""
        return self._ends(item, 0)

    def exits(self, item: Node | Box) -> list[Node]:
        """The nodes in which an arrow from the item can begin."""
        return self._ends(item, -1)

    def _ends(self, item: Node | Box, place: int) -> list[Node]:
        if isinstance(item, Node):
            return [item]
        layers = self.of(item)
        return [node for inner in layers[place] for node in self._ends(inner, place)] if layers else []

    def _enter(self, item: Node | Box, around: tuple[str, ...]) -> None:
        self._around[item.id] = (*around, item.id)
        if isinstance(item, Box):
            for inner in item.members:
                self._enter(inner, self._around[item.id])

    def _lift(self, edge: Edge) -> None:
        parent = ""
        for source, target in zip(self._around[edge.source], self._around[edge.target], strict=False):
            if source != target:
                self._arrows.setdefault(parent, set()).add((source, target))
                return
            parent = source

    def _layer(self, box: Box) -> None:
        members = list(box.members)
        depth = _depths((member.id for member in members), self._arrows.get(box.id, ()))
        layers: Layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
        for member in members:
            layers[depth[member.id]].append(member)
        self._layers[box.id] = [layer for layer in layers if layer]
        for inner in box.boxes:
            self._layer(inner)


def _depths(ids: Iterable[str], arrows: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The longest way to each id; those in a circle stand side by side."""
    import networkx as nx  # slow to import, and only pictures need it

    graph: nx.DiGraph[str] = nx.DiGraph(arrows)
    graph.add_nodes_from(ids)
    knots = nx.condensation(graph)
    return {
        id: depth
        for depth, layer in enumerate(nx.topological_generations(knots))
        for knot in layer
        for id in knots.nodes[knot]["members"]
    }
