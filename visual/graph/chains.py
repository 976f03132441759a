"""Rows of siblings that follow one another and nothing else, long ones of which may be drawn as one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping

from visual.graph.shapes import Box, Edge, Graph, Node

Item = Node | Box
PERIODS = (
    1,
    2,
)  #: a row repeats itself after so many: steps follow steps, in raw programs also events and steps in turn


def chains(graph: Graph, most: int) -> list[list[Item]]:
    """The rows of more than `most` siblings with the same text and inside, or in turn with two.

    Each is followed by the next one alone, and follows the one before alone. So all arrows of a row are inside of it,
    but for one to its first and one from its last: the first and the last of all that are alike are left out.
    """
    return list(_Finder(graph, most).rows(graph.root))


class _Finder:
    def __init__(self, graph: Graph, most: int) -> None:
        self._most = most
        self._looks: dict[str, int] = {}
        self._around: dict[str, tuple[str, ...]] = {}
        self._enter(graph.root, ())
        self._next = self._links(graph)
        self._look(graph.root, _inner(graph, self._around), {})

    def rows(self, box: Box) -> Iterator[list[Item]]:
        """The rows among the members of the box, and inside of those that stand in none."""
        siblings = {item.id: item for item in box.members}
        followers = {self._next[id].target for id in siblings if id in self._next}
        taken: set[str] = set()
        for id in siblings:
            if id not in followers:
                for row in self._cut(list(self._from(siblings, id))):
                    taken |= {item.id for item in row}
                    yield row
        for inner in box.boxes:
            if inner.id not in taken:
                yield from self.rows(inner)

    def _from(self, siblings: Mapping[str, Item], id: str) -> Iterator[Item]:
        yield siblings[id]
        while id in self._next and (id := self._next[id].target) in siblings:
            yield siblings[id]

    def _cut(self, row: list[Item]) -> Iterator[list[Item]]:
        """The parts of the row that repeat themselves, each without its first and last."""
        start = 0
        while start < len(row):
            end = max(self._repeats(row, start, period) for period in PERIODS)
            if end - start - 2 > self._most:
                yield row[start + 1 : end - 1]
                start = end
            else:
                start += 1

    def _repeats(self, row: list[Item], start: int, period: int) -> int:
        """How far the row repeats what it begins with."""
        end = min(start + period, len(row))
        while end < len(row) and self._is_same(row[end], row[end - period]):
            end += 1
        return end

    def _is_same(self, item: Item, other: Item) -> bool:
        """Whether they look the same, and the arrows from them say the same."""
        if self._looks[item.id] != self._looks[other.id]:
            return False
        arrows = [self._next[id] for id in (item.id, other.id) if id in self._next]
        return len({(arrow.label, arrow.delay, arrow.note) for arrow in arrows}) == 1

    def _links(self, graph: Graph) -> dict[str, Edge]:
        """For each id that one arrow leaves that arrow, if no other enters where it ends."""
        leaving: dict[str, list[Edge]] = defaultdict(list)
        entering: Counter[str] = Counter()
        for edge in dict.fromkeys(graph.edges):
            source, target = self._around[edge.source], self._around[edge.target]
            common = sum(one == other for one, other in zip(source, target, strict=False))
            for id in source[common:] or source[-1:]:
                leaving[id].append(edge)
            entering.update(target[common:] or target[-1:])
        sole = {id: edges[0] for id, edges in leaving.items() if len(edges) == 1}
        return {id: edge for id, edge in sole.items() if edge.source == id and entering[edge.target] == 1}

    def _enter(self, item: Item, around: tuple[str, ...]) -> None:
        self._around[item.id] = (*around, item.id)
        if isinstance(item, Box):
            for inner in item.members:
                self._enter(inner, self._around[item.id])

    def _look(self, item: Item, inner: Mapping[str, list[Edge]], numbers: dict[Hashable, int]) -> int:
        """A number that is the same for all with the same text, members and arrows inside."""
        look: Hashable = ("box" if isinstance(item, Box) else item.kind, item.about)
        if isinstance(item, Box):
            members = Counter(self._look(member, inner, numbers) for member in item.members)
            arrows = Counter(
                (self._looks[edge.source], self._looks[edge.target], edge.label, edge.delay)
                for edge in inner.get(item.id, ())
            )
            look = (look, frozenset(members.items()), frozenset(arrows.items()))
        self._looks[item.id] = numbers.setdefault(look, len(numbers))
        return self._looks[item.id]


def _inner(graph: Graph, around: Mapping[str, tuple[str, ...]]) -> dict[str, list[Edge]]:
    """The arrows by the innermost box that both ends are inside of."""
    found: dict[str, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        pairs = list(zip(around[edge.source][:-1], around[edge.target][:-1], strict=False))
        found[[one for one, other in pairs if one == other][-1]].append(edge)
    return found
