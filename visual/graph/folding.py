"""Draws many siblings alike as one, so that a graph of 300 steps is legible, and no arrow says what is not so.

Folded are siblings with the same neighbours (see `visual.graph.alike`), and long rows in which each follows the one
before (see `visual.graph.chains`). An arrow between two that are drawn as one says how many meet how many, unless all
meet all.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from visual.graph.alike import alike
from visual.graph.chains import chains
from visual.graph.closing import closed
from visual.graph.counts import counted, shortened
from visual.graph.shapes import JUNCTIONS, Box, Edge, Graph, Node

SMALL = 60  #: nodes; a graph up to this size is drawn as it is, but for very wide parts
WIDE = 30  #: alike that are folded in a small graph, when there are more of them
MANY = 8  #: and in a large one
CROWD = 200  #: nodes; in a graph that has more even then, containers are drawn closed, the innermost first
_nouns = {
    "step": "steps", "container": "containers", "items": "loops", "event": "events", "box": "containers",
    "closed": "containers", "condition": "conditions", "fold": "groups",
}  # fmt: skip

Item = Node | Box


def folded(graph: Graph, depth: int | None = None) -> Graph:
    """The graph with the larger groups of alike folded, and where it is crowded, with closed containers.

    With a depth, containers that have `depth` - 1 others around them are closed in any case.
    """
    made = _alike(graph if depth is None else closed(graph, depth))
    depth = min(graph.root.depth + 1, depth or graph.root.depth + 1)
    while made.root.size > CROWD and depth > 1:
        depth -= 1
        made = _alike(closed(graph, depth))
    return made


def _alike(graph: Graph) -> Graph:
    most = WIDE if graph.root.size <= SMALL else MANY
    beside = _folded(graph, alike(graph, most))
    return _folded(beside, chains(beside, most), in_a_row=True)


def _folded(graph: Graph, groups: Sequence[Sequence[Item]], *, in_a_row: bool = False) -> Graph:
    if not groups:
        return graph
    folds = Folds(graph, groups, in_a_row=in_a_row)
    return Graph(folds.box(graph.root), list(folds.arrows()))


class Folds:
    """Groups of siblings, each of which is drawn as one node; in a row, where each follows the one before."""

    def __init__(self, graph: Graph, groups: Iterable[Sequence[Item]], *, in_a_row: bool = False) -> None:
        self._edges = graph.edges
        self._in_a_row = in_a_row
        self._first: dict[str, Sequence[Item]] = {}
        self.member: dict[str, str] = {}  #: what in a group an id is, or is inside of
        self.fold: dict[str, str] = {}  #: the fold's id by that of a member
        self._size: Counter[str] = Counter()
        for group in groups:
            id = f"#fold of {group[0].id}"
            self._first[group[0].id] = group
            self._size[id] = len(group)
            for item in group:
                self.fold[item.id] = id
                self.member |= dict.fromkeys(_ids(item), item.id)
        ends = [(self.member.get(edge.source), self.member.get(edge.target)) for edge in graph.edges]
        met = [(self.fold[one], self.fold[other]) for one, other in ends if one and other and one != other]
        self._tied = {one for one, other in met if one == other}  #: folds with arrows between members

    def box(self, box: Box) -> Box:
        """The box with a node in the place of the first of each group."""
        members: list[Item] = []
        for item in box.members:
            if item.id in self._first:
                members.append(self._one(self._first[item.id]))
            elif item.id not in self.fold:
                members.append(self.box(item) if isinstance(item, Box) else item)
        return msgspec.structs.replace(box, members=members)

    def arrows(self) -> Iterator[Edge]:
        """The arrows between what is left, each once, with how many meet how many."""
        pairs: dict[Edge, set[tuple[str, str]]] = defaultdict(set)
        for edge in self._edges:
            source, target = self.member.get(edge.source, edge.source), self.member.get(edge.target, edge.target)
            ends = self.fold.get(source, source), self.fold.get(target, target)
            if ends[0] != ends[1] or ends[0] not in self._size:
                pairs[msgspec.structs.replace(edge, source=ends[0], target=ends[1])].add((source, target))
        for edge, met in pairs.items():
            yield edge if self._in_a_row else msgspec.structs.replace(edge, note=self._note(edge, met))

    def _note(self, edge: Edge, met: set[tuple[str, str]]) -> str:
        """How many of the source one of the target meets, and the other way; nothing where all meet all."""
        if len(met) == (self._size[edge.source] or 1) * (self._size[edge.target] or 1):
            return ""
        back, forth = (_spread(Counter(pair[end] for pair in met)) for end in (1, 0))
        return f"{back} to {forth}"

    def _one(self, group: Sequence[Item]) -> Node:
        first, last = group[0], group[-1]
        id = self.fold[first.id]
        kinds = Counter(item.kind if isinstance(item, Node) else "box" for item in group)
        if isinstance(first, Node) and first.kind in JUNCTIONS:
            return Node(id, f"{len(group)} {first.name}", first.kind)
        about = [" and ".join(f"{count} {_nouns[kind]}" for kind, count in kinds.items())]
        if len(kinds) == 1:
            about = [f"{about[0]} alike", *first.about]
        if self._in_a_row:
            about.append("one after another")
        elif id in self._tied:
            about.append("some after others")
        state, said = counted(group)
        return Node(id, f"{shortened(first.name)} … {shortened(last.name)}", "fold", tuple(about), said, state)


def _spread(counts: Counter[str]) -> str:
    least, most = min(counts.values()), max(counts.values())
    return f"{least}" if least == most else f"{least}-{most}"


def _ids(item: Item) -> Iterator[str]:
    yield item.id
    for inner in item.members if isinstance(item, Box) else ():
        yield from _ids(inner)
