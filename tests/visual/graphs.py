"""Graphs made at random, with groups that are alike and some that nearly are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

from hypothesis import strategies as st

from visual.graph.shapes import Box, Edge, Graph, Node

Item = Node | Box
LABELS = st.sampled_from(["success", "failure"])


def walk(item: Item) -> Iterator[Item]:
    """The item and all inside."""
    yield item
    for inner in item.members if isinstance(item, Box) else ():
        yield from walk(inner)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Groups of nodes and boxes of nodes, in part with arrows from all to all, from each to one, or anyhow."""
    root = Box("root", "root")
    groups = [_group(draw, root, number) for number in range(draw(st.integers(1, 5)))]
    edges: list[Edge] = []
    for _ in range(draw(st.integers(0, 6))):
        sources, targets = draw(st.sampled_from(groups)), draw(st.sampled_from(groups))
        label = draw(LABELS)
        pattern = draw(st.sampled_from(["all", "one", "row"]))
        if pattern == "all":
            edges += [Edge(one.id, other.id, label) for one, other in product(sources, targets) if one is not other]
        elif pattern == "one":
            edges += [Edge(one.id, targets[at % len(targets)].id, label) for at, one in enumerate(sources)]
        else:
            edges += [Edge(one.id, other.id, label) for one, other in pairwise(sources)]
    ids = [item.id for item in walk(root) if item is not root]
    anyhow = draw(st.lists(st.builds(Edge, st.sampled_from(ids), st.sampled_from(ids), LABELS), max_size=3))
    return Graph(root, [*edges, *anyhow])


def _group(draw: st.DrawFn, root: Box, number: int) -> list[Item]:
    inside, about = draw(st.integers(0, 2)), draw(st.sampled_from([(), ("loop: 2 items",)]))
    made: list[Item] = []
    for at in range(draw(st.integers(1, 6))):
        id = f"{number}.{at}"
        inner: list[Item] = [Node(f"{id}.{place}", f"in{place}") for place in range(inside)]
        made.append(Box(id, id, about, members=inner) if inside else Node(id, id, about=about))
    root.members += made
    return made
