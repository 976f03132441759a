"""Which siblings of a graph may be drawn as one: those with the same text, the same inside and the same neighbours.

Neighbours that are drawn as one themselves count as the same, if each has as many arrows. So an arrow between two that
are drawn as one stands for as many arrows at every member of either.

Members are put into cells, which are split until all members of a cell have equally many arrows to every other cell.
Then each member of a group too small to be drawn as one gets a cell of its own, which may split further cells, until
nothing changes. Cells are split by the smaller parts (Hopcroft), so that this takes about n log n steps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping

from visual.graph.shapes import Box, Graph, Node

Item = Node | Box
Arcs = Mapping[str, list[tuple[Hashable, str]]]


def alike(graph: Graph, most: int) -> list[list[Item]]:
    """The groups of more than `most` siblings alike that stand in no other group, in the order of definition."""
    items = list(_walk(graph.root))
    cells = _Cells(((item.id, _text(item)) for item in items), _arcs(items, graph))
    while True:
        cells.refine()
        groups = list(_groups(graph.root, cells.cell))
        small = [item.id for group in groups if 1 < len(group) <= most for item in group]
        if not cells.part(small):
            return [group for group in groups if len(group) > most]


class _Cells:
    """Which cell each id is in; `arcs` are those that end at an id, each with its kind and where it begins."""

    def __init__(self, looks: Iterable[tuple[str, Hashable]], arcs: Arcs) -> None:
        self._arcs = arcs
        numbers: dict[Hashable, int] = {}
        self.cell = {id: numbers.setdefault(look, len(numbers)) for id, look in looks}
        self._members: dict[int, set[str]] = defaultdict(set)
        for id, cell in self.cell.items():
            self._members[cell].add(id)
        self._agenda = set(self._members)

    def part(self, ids: Iterable[str]) -> bool:
        """Give each a cell of its own; False if each has one already."""
        shared = [id for id in ids if len(self._members[self.cell[id]]) > 1]
        for id in shared:
            if len(self._members[self.cell[id]]) > 1:
                self._agenda |= {self.cell[id], self._split_off({id})}
        return bool(shared)

    def refine(self) -> None:
        """Split until all of a cell have the same number of arcs of each kind from every cell."""
        while self._agenda:
            seen: dict[str, Counter[Hashable]] = defaultdict(Counter)
            for source in self._members[self._agenda.pop()]:
                for kind, id in self._arcs[source]:
                    seen[id][kind] += 1
            parts: dict[tuple[int, Hashable], set[str]] = defaultdict(set)
            for id, counts in seen.items():
                parts[self.cell[id], frozenset(counts.items())].add(id)
            for (cell, _), part in parts.items():
                if len(part) < len(self._members[cell]):
                    self._enter(cell, self._split_off(part))

    def _split_off(self, part: set[str]) -> int:
        """Make a part of a cell a cell of its own; returns its number."""
        new = len(self._members)
        self._members[self.cell[next(iter(part))]] -= part
        self._members[new] = part
        for id in part:
            self.cell[id] = new
        return new

    def _enter(self, old: int, new: int) -> None:
        """Have what was split looked at: the smaller part is enough, unless the whole is still to be looked at."""
        smaller = min(old, new, key=lambda cell: len(self._members[cell]))
        self._agenda.add(new if old in self._agenda else smaller)


def _walk(item: Item) -> Iterator[Item]:
    yield item
    if isinstance(item, Box):
        for inner in item.members:
            yield from _walk(inner)


def _text(item: Item) -> Hashable:
    return ("box" if isinstance(item, Box) else item.kind, item.about)


def _arcs(items: Iterable[Item], graph: Graph) -> Arcs:
    """The arrows in both directions, and between each box and its members in both, by where they begin."""
    arcs: dict[str, list[tuple[Hashable, str]]] = {}
    for item in items:
        arcs.setdefault(item.id, [])
        for inner in item.members if isinstance(item, Box) else ():
            arcs[item.id].append(("around", inner.id))
            arcs.setdefault(inner.id, []).append(("inside", item.id))
    for edge in dict.fromkeys(graph.edges):
        arcs[edge.source].append((("from", edge.label, edge.delay), edge.target))
        arcs[edge.target].append((("to", edge.label, edge.delay), edge.source))
    return arcs


def _groups(box: Box, cell: Mapping[str, int]) -> Iterator[list[Item]]:
    """The members of each box that share a cell; what is in groups of several boxes is not looked at."""
    found: dict[int, list[Item]] = {}
    for item in box.members:
        found.setdefault(cell[item.id], []).append(item)
    for group in found.values():
        yield group
        if len(group) == 1 and isinstance(group[0], Box):
            yield from _groups(group[0], cell)
