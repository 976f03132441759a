"""Graphviz's picture as markup that may stand in a page: known elements, known attributes, nothing that acts.

What a node stands for moves from `id` to `data-step`, so that a step's name is never an id of the page. Colours go, and
`data-state` comes: the page has a style for each state, in light and in dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from eventcore.define.plain import plain
from visual.graph.layout import Box, Graph

SVG = "http://www.w3.org/2000/svg"
_elements = {"svg", "g", "title", "path", "polygon", "polyline", "ellipse", "text"}
_attributes = {
    "viewBox", "transform", "d", "points", "cx", "cy", "rx", "ry", "x", "y", "text-anchor", "font-size", "font-weight",
    "stroke-dasharray",
}  # fmt: skip
_classes = {"graph", "node", "edge", "cluster"}


def safe_svg(svg: bytes, graph: Graph) -> str:
    """The picture of the graph, made safe; what a screen reader hears are the labels."""
    states = dict(_states(graph.root))
    paths = dict(_paths(graph.root))
    root = ElementTree.fromstring(re.sub(rb"<!DOCTYPE[^>]*>", b"", svg, count=1))
    ElementTree.register_namespace("", SVG)
    cleaned = _cleaned(root, states, paths)
    assert cleaned is not None
    for side in ("width", "height"):
        cleaned.set(f"data-{side}", _points(root.get(side, "")))
    cleaned.set("role", "group")
    cleaned.set("aria-label", "graph of the steps")
    return ElementTree.tostring(cleaned, encoding="unicode")


def _points(text: str) -> str:
    found = re.fullmatch(r"([0-9.]+)(pt)?", text)
    return found[1] if found else "0"


def _cleaned(element: ElementTree.Element, states: Mapping[str, str],
             paths: Mapping[str, str]) -> ElementTree.Element | None:  # fmt: skip
    name = element.tag.removeprefix(f"{{{SVG}}}")
    if name not in _elements or name == "title":
        return None
    made = ElementTree.Element(f"{{{SVG}}}{name}", {k: v for k, v in element.attrib.items() if k in _attributes})
    kind = element.get("class", "")
    if kind in _classes:
        made.set("class", kind)
    id = element.get("id", "")
    if kind in ("node", "cluster") and id in states:
        made.set("data-state", states[id])
        if id in paths:
            made.set("data-step", paths[id])
    made.text = element.text if name == "text" else None
    made.extend(child for inner in element if (child := _cleaned(inner, states, paths)) is not None)
    return made


def _states(box: Box) -> Iterator[tuple[str, str]]:
    for item in box.members:
        if isinstance(item, Box):
            yield from _states(item)
        if isinstance(item, Box) or item.kind not in ("and", "or", "event"):
            yield plain(item.id), item.state or ""


def _paths(box: Box) -> Iterator[tuple[str, str]]:
    for item in box.members:
        if isinstance(item, Box):
            yield from _paths(item)
        if item.path is not None and item.path == plain(item.path):  # else XML may not be able to hold it
            yield plain(item.id), item.path
