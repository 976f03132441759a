"""Containers drawn closed: one node with the counts of what is inside, for graphs that are crowded otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from visual.graph.counts import counted
from visual.graph.shapes import Box, Edge, Graph, Node


def closed(graph: Graph, depth: int) -> Graph:
    """The graph with the containers that have `depth` - 1 others around them closed; a closed one keeps its id."""
    stand_in: dict[str, str] = {}
    root = _without(graph.root, depth, stand_in)
    return Graph(root, list(dict.fromkeys(_arrows(graph.edges, stand_in))))


def _without(box: Box, depth: int, stand_in: dict[str, str]) -> Box:
    if depth > 1:
        members = [_without(item, depth - 1, stand_in) if isinstance(item, Box) else item for item in box.members]
    else:
        stand_in |= {inner: item.id for item in box.boxes for inner in _ids(item)}
        members = [shut(item) if isinstance(item, Box) else item for item in box.members]
    return msgspec.structs.replace(box, members=members)


def shut(box: Box) -> Node:
    """A node in the place of a box."""
    steps = [node for node in _nodes(box) if node.kind in ("step", "container", "items")]
    state, said = counted(steps)
    about = (*box.about, f"{len(steps)} step{'' if len(steps) == 1 else 's'} inside")
    return Node(box.id, box.name, "closed", about, (*box.said, *said), box.state or state, box.path)


def _nodes(box: Box, around: str = "") -> Iterator[Node]:
    """The nodes inside, of a flow with names from there on."""
    for node in box.nodes:
        yield msgspec.structs.replace(node, name=around + node.name)
    for inner in box.boxes:
        yield from _nodes(inner, around if inner.path is None else f"{around}{inner.name}/")


def _ids(box: Box) -> Iterator[str]:
    for item in box.members:
        yield item.id
        if isinstance(item, Box):
            yield from _ids(item)


def _arrows(edges: Iterable[Edge], stand_in: dict[str, str]) -> Iterator[Edge]:
    """The arrows without those that are inside of what is closed."""
    inside = set(stand_in.values())
    for edge in edges:
        moved = (stand_in.get(edge.source, edge.source), stand_in.get(edge.target, edge.target))
        if moved[0] != moved[1] or moved[0] not in inside:
            yield msgspec.structs.replace(edge, source=moved[0], target=moved[1])
