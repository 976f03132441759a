"""Graphs as Mermaid flowcharts, which many pages and notebooks draw by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from visual.graph.direction import ranked
from visual.graph.looks import INK, look_of
from visual.graph.shapes import Box, Edge, Graph, Node

_shapes = {
    "step": ("[", "]"),
    "container": ("[", "]"),
    "items": ("[", "]"),
    "condition": ("{{", "}}"),
    "least": ("{", "}"),
    "event": ("([", "])"),
    "fold": ("[[", "]]"),
    "closed": ("[[", "]]"),
    "and": ("((", "))"),
    "or": ("{", "}"),
}
_arrows = {"failure": "-.->", "complete": "==>"}
#: what a text may have as it is; everything else is written as a number, so that no name can be markup
_plain = re.compile(r"[^\w .,:;/()+=!?*'…-]")

_untitled = re.compile(r"[^\w .,:;/()+=!?*…-]")


def mermaid_text(graph: Graph) -> str:
    """The graph as a flowchart; the same graph gives the same text. States are classes."""
    return "\n".join(_Writer(graph).lines()) + "\n"


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._is_labelled = graph.is_labelled
        self._names: dict[str, str] = {}
        self._members: dict[tuple[str, bool], list[str]] = {}

    def lines(self) -> Iterator[str]:
        """The whole flowchart."""
        yield from _front(self._graph.root)
        yield f"flowchart {ranked(self._graph).way}"
        yield from self._inside(self._graph.root, "  ")
        for edge in self._graph.edges:
            yield f"  {self._arrow(edge)}"
        for (state, is_box), names in self._members.items():
            look = look_of(state, box=is_box)
            word = f"{'in_' if is_box else ''}{state.replace(',', '').replace(' ', '_')}"
            width = f",stroke-width:{look.width:g}px" if look.width != 1 else ""
            yield f"  classDef {word} fill:{look.fill},stroke:{look.border},color:{INK}{width}"
            yield f"  class {','.join(names)} {word}"

    def _inside(self, box: Box, indent: str) -> Iterator[str]:
        for item in box.members:
            if isinstance(item, Node):
                name = self._name(item, f"n{len(self._names) + 1}")
                start, end = _shapes[item.kind]
                yield f'{indent}{name}{start}"{_label(item)}"{end}'
            else:
                name = self._name(item, f"b{len(self._names) + 1}")
                yield f'{indent}subgraph {name}["{_label(item)}"]'
                yield from self._inside(item, indent + "  ")
                yield f"{indent}end"

    def _name(self, item: Node | Box, name: str) -> str:
        self._names[item.id] = name
        if item.state is not None:
            self._members.setdefault((item.state, isinstance(item, Box)), []).append(name)
        return name

    def _arrow(self, edge: Edge) -> str:
        said = edge.text(is_labelled=self._is_labelled)
        text = f'|"{_text(said)}"|' if said else ""
        arrow = "-.->" if edge.is_earlier else _arrows.get(edge.label, "-->")
        return f"{self._names[edge.source]} {arrow}{text} {self._names[edge.target]}"


def _label(item: Node | Box) -> str:
    return "<br/>".join(_text(line) for line in item.lines)


def _text(line: str) -> str:
    return _plain.sub(lambda found: f"#{ord(found[0])};", line)


def _front(root: Box) -> Iterator[str]:
    """The title, and room for the lines of the boxes' text, in YAML, which has other escapes than the labels."""
    lines = max(map(_tallest, root.boxes), default=1)
    if not root.name and lines == 1:
        return
    yield "---"
    if root.name:
        yield f'title: "{_untitled.sub(" ", root.name)}"'
    if lines > 1:
        yield f"config: {{flowchart: {{wrappingWidth: 400, subGraphTitleMargin: {{bottom: {22 * (lines - 1)}}}}}}}"
    yield "---"


def _tallest(box: Box) -> int:
    return max([len(box.lines), *map(_tallest, box.boxes)])
