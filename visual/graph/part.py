"""A part of a picture: one step, or a container with all inside, and what its arrows lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from eventcore.define.suggestions import suggestion
from visual.errors import PictureError
from visual.graph.closing import shut
from visual.graph.shapes import JUNCTIONS, Box, Edge, Graph, Node

Item = Node | Box


def part_of(graph: Graph, path: str) -> Graph:
    """The item with the path, its neighbours, closed, and the arrows between them; raises `PictureError`."""
    found = [item for item in _walk(graph.root) if item.path == path]
    if not found:
        raise PictureError(_unknown(path, (item.path for item in _walk(graph.root) if item.path is not None)))
    junctions = {item.id for item in _walk(graph.root) if isinstance(item, Node) and item.kind in JUNCTIONS}
    inside = {item.id for one in found for item in (one, *_walk(one))}
    edges = [edge for edge in graph.edges if edge.source in inside or edge.target in inside]
    while more := _behind(graph, edges, junctions - inside):
        edges += more
    shown = {id for edge in edges for id in (edge.source, edge.target)} - inside
    chosen = {item.id for item in found}
    return Graph(Box(graph.root.id, graph.root.name, members=list(_chosen(graph.root, chosen, shown))), edges)


def _behind(graph: Graph, edges: list[Edge], junctions: set[str]) -> list[Edge]:
    """The arrows of the junctions that these lead to and come from, without these."""
    known = set(edges)
    met = {id for edge in edges for id in (edge.source, edge.target)} & junctions
    return [edge for edge in graph.edges if edge not in known and (edge.source in met or edge.target in met)]


def _chosen(box: Box, chosen: set[str], shown: set[str]) -> Iterator[Item]:
    """What is chosen as it is, and around it what is shown, in the order of definition."""
    for item in box.members:
        if item.id in chosen:
            yield item
            continue
        if item.id in shown:
            node = item if isinstance(item, Node) else shut(item)
            yield msgspec.structs.replace(node, name=item.path or item.name)
        if isinstance(item, Box):
            yield from _chosen(item, chosen, shown)


def _walk(item: Item) -> Iterator[Item]:
    for inner in item.members if isinstance(item, Box) else ():
        yield inner
        yield from _walk(inner)


def _unknown(path: str, known: Iterable[str]) -> str:
    paths = list(dict.fromkeys(known))
    return f"there is no step {path!r} to draw; {suggestion(path, paths, have='there are')}"
