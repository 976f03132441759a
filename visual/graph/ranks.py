"""The layers of a picture: the members of each box, ordered along the arrows between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from visual.graph.seats import DOWN, Extent, seats, text_extent, together
from visual.graph.shapes import Box, Edge, Graph, Node

if TYPE_CHECKING:
    import networkx as nx

Item = Node | Box
Layers = list[list[Item]]


class Ranks:
    """The layers of every box of a graph that is drawn downwards or to the right.

    An arrow that ends deeper counts for the members it goes through. Members without an arrow in their box are put into
    rows, so that a box is not wider than need be; with `wraps`, those with the same neighbours, too.
    """

    def __init__(self, graph: Graph, way: str = DOWN, *, wraps: bool = False) -> None:
        self.way = way
        self._wraps = wraps
        self._around: dict[str, tuple[str, ...]] = {}
        self._enter(graph.root, ())
        self._arrows: dict[str, Counter[tuple[str, str]]] = {}
        for edge in graph.edges:
            if not edge.is_earlier:
                self._lift(edge)
        self._layers: dict[str, Layers] = {}
        self.effort = (
            graph.root.size
        )  #: how many ranks all arrows go through, and nodes: it decides what a picture costs
        self._seats: dict[str, list[tuple[Item, Item]]] = {}
        self._groups: dict[str, Layers] = {}
        self._loose: set[str] = set()
        self._count: dict[str, int] = {}
        self._entries: dict[str, list[Node]] = {}
        self._exits: dict[str, list[Node]] = {}
        self.extent = self._measure(graph.root)  #: of the whole, in points, roughly

    def of(self, box: Box) -> Layers:
        """The members of the box: first those that follow no other, then what follows those, and so on."""
        return self._layers[box.id]

    def seats(self, box: Box) -> list[tuple[Item, Item]]:
        """Members that are put into rows, each with the one that it stands behind."""
        return self._seats[box.id]

    def groups(self, box: Box) -> Layers:
        """The members that arrows connect, those of each group and the groups in the order of definition."""
        return self._groups[box.id]

    def is_loose(self, item: Item) -> bool:
        """Whether no arrow connects the item with others in its box."""
        return item.id in self._loose

    def count(self, item: Item) -> int:
        """How many ranks an item takes: nodes one after another."""
        return self._count[item.id]

    def entry(self, item: Item) -> Node:
        """The node in which an arrow to the item ends: the middle one of those with nothing inside before them."""
        entries = self._entries[item.id]
        return entries[len(entries) // 2]

    def exit(self, item: Item) -> Node:
        """The node in which an arrow from the item begins: the middle one of those with nothing inside behind them."""
        exits = self._exits[item.id]
        return exits[len(exits) // 2]

    def _enter(self, item: Item, around: tuple[str, ...]) -> None:
        self._around[item.id] = (*around, item.id)
        if isinstance(item, Box):
            for inner in item.members:
                self._enter(inner, self._around[item.id])

    def _lift(self, edge: Edge) -> None:
        parent = ""
        for source, target in zip(self._around[edge.source], self._around[edge.target], strict=False):
            if source != target:
                self._arrows.setdefault(parent, Counter())[source, target] += 1
                return
            parent = source

    def _measure(self, item: Item) -> Extent:
        """Put the members of a box into layers, from the inside out; returns how large it is."""
        text = text_extent(item)
        if isinstance(item, Node):
            self._count[item.id], self._entries[item.id], self._exits[item.id] = 1, [item], [item]
            return text
        extents = {member.id: self._measure(member) for member in item.members}
        graph = _digraph(extents, self._arrows.get(item.id, ()))
        self._loose |= {id for id in extents if not graph.degree(id)}
        self._groups[item.id] = _sorted(item.members, _connected(graph))
        self._seats[item.id] = pairs = list(self._seated(item, graph, extents))
        graph.add_edges_from((before.id, member.id) for before, member in pairs)
        self._layers[item.id] = layers = _sorted(item.members, _depths(graph, dict.fromkeys(extents, 1)))
        self._find_ends(item, _depths(graph, {id: self._count[id] for id in extents}))
        return together([[extents[member.id] for member in layer] for layer in layers], text, self.way)

    def _seated(self, box: Box, graph: nx.DiGraph[str],
                extents: Mapping[str, Extent]) -> Iterator[tuple[Item, Item]]:  # fmt: skip
        """Rows of members with the same neighbours, each member with the one before it in the row before."""
        peers: dict[tuple[frozenset[str], frozenset[str]], list[Item]] = {}
        for member in box.members:
            around = frozenset(graph.pred[member.id]), frozenset(graph.succ[member.id])
            peers.setdefault(around, []).append(member)
        for around, group in peers.items():
            if self._wraps or not any(around):
                for row, behind in pairwise(seats(group, [extents[member.id] for member in group], self.way)):
                    yield from zip(row, behind, strict=False)

    def _find_ends(self, box: Box, first: Mapping[str, int]) -> None:
        """What the box begins and ends with, by the ranks of its members."""
        last = {member.id: first[member.id] + self._count[member.id] for member in box.members}
        self._count[box.id] = count = max(last.values(), default=1)
        arrows = self._arrows.get(box.id, Counter())
        self.effort += sum(abs(first[to] - first[one]) * times for (one, to), times in arrows.items())
        self.effort += len(self._seats[box.id])
        self._entries[box.id] = [node for m in box.members if first[m.id] == 0 for node in self._entries[m.id]]
        self._exits[box.id] = [node for m in box.members if last[m.id] == count for node in self._exits[m.id]]


def _sorted(members: Iterable[Item], place: Mapping[str, int]) -> Layers:
    """The members by their places, those of the same place in their order."""
    found: Layers = [[] for _ in range(max(place.values(), default=-1) + 1)]
    for member in members:
        found[place[member.id]].append(member)
    return found


def _digraph(ids: Iterable[str], arrows: Iterable[tuple[str, str]]) -> nx.DiGraph[str]:
    import networkx as nx  # slow to import, and only pictures need it

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_edges_from(arrows)
    return graph


def _depths(graph: nx.DiGraph[str], counts: Mapping[str, int]) -> dict[str, int]:
    """The longest way to each id, where each takes so many ranks; those in a circle stand side by side."""
    import networkx as nx

    knots = nx.condensation(graph)
    found: dict[str, int] = {}
    for knot in nx.topological_sort(knots):
        before = [id for other in knots.predecessors(knot) for id in knots.nodes[other]["members"]]
        depth = max((found[id] + counts[id] for id in before), default=0)
        found |= dict.fromkeys(knots.nodes[knot]["members"], depth)
    return found


def _connected(graph: nx.DiGraph[str]) -> dict[str, int]:
    """The number of the connected part that each id is in."""
    import networkx as nx

    return {id: number for number, ids in enumerate(nx.weakly_connected_components(graph)) for id in ids}
