"""Graphs in Graphviz's language."""

from __future__ import annotations

import graphviz

from visual.graph import Box, Edge, Graph, Node

#: fill by state; the label says the state in words, too
FILLS = {
    "success": "#d5efd8",
    "failure": "#f8d0cd",
    "active": "#cfe3fa",
    "ready": "#fdf1c7",
    "interrupted": "#f3dcf5",
    "cancelled": "#e3e3e3",
    "not reached": "#f4f4f4",
    "waiting": "#ffffff",
}
_shapes = {"step": "box", "event": "ellipse", "junction": "diamond"}


def dot_text(graph: Graph) -> str:
    """The graph as DOT; the same graph gives the same text. What a node or box stands for is its `id`."""
    drawing = graphviz.Digraph("flow")
    drawing.attr("graph", label=_label(graph.root.lines), labelloc="t", labeljust="l", compound="true",
                 fontname="Helvetica", rankdir="TB", nodesep="0.3", ranksep="0.45")  # fmt: skip
    drawing.attr("node", shape="box", style="rounded,filled", fillcolor="#ffffff", fontname="Helvetica", fontsize="11")
    drawing.attr("edge", fontname="Helvetica", fontsize="9", color="#555555")
    writer = _Writer()
    writer.fill(drawing, graph.root)
    for edge in graph.edges:
        writer.arrow(drawing, edge)
    return str(drawing.source)


class _Writer:
    """Gives nodes and boxes short names: any text can be an id, and not any text can be a name in DOT."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._boxes: dict[str, str] = {}

    def fill(self, drawing: graphviz.Digraph, box: Box) -> str | None:
        """Draw what is in the box; returns a node inside that arrows to the box can end at."""
        anchor = None
        for node in box.nodes:
            name = self._names[node.id] = f"n{len(self._names) + 1}"
            drawing.node(name, **_look(node))
            if node.kind == "step":
                anchor = anchor or name
        for inner in box.boxes:
            cluster_name = self._boxes[inner.id] = f"cluster_{len(self._boxes) + 1}"
            with drawing.subgraph(name=cluster_name) as cluster:
                cluster.attr("graph", label=_label(inner.lines), style="rounded,filled", color="#888888", id=graphviz.escape(inner.id),
                             fillcolor=FILLS.get(inner.state or "", "#fafafa"), fontname="Helvetica",
                             fontsize="11", labeljust="l")  # fmt: skip
                inside = self.fill(cluster, inner)
            assert inside is not None
            self._names[inner.id] = inside
            anchor = anchor or inside
        return anchor

    def arrow(self, drawing: graphviz.Digraph, edge: Edge) -> None:
        """Draw an arrow; at a box it ends at the border."""
        look = {"style": {"failure": "dashed", "complete": "dotted"}.get(edge.label, "solid")}
        if edge.source in self._boxes:
            look["ltail"] = self._boxes[edge.source]
        if edge.target in self._boxes:
            look["lhead"] = self._boxes[edge.target]
        label = " ".join(part for part in (edge.label, f"after {edge.delay:g} s" if edge.delay else "") if part)
        if label:
            look["label"] = graphviz.escape(label)
        drawing.edge(self._names[edge.source], self._names[edge.target], **look)


def _look(node: Node) -> dict[str, str]:
    look = {"label": _label(node.lines), "id": graphviz.escape(node.id)}
    if node.kind != "step":
        look |= {"shape": _shapes[node.kind], "style": "filled", "fontsize": "9"}
    if node.state is not None:
        look["fillcolor"] = FILLS.get(node.state, "#ffffff")
    return look


def _label(lines: tuple[str, ...]) -> str:
    return "\\n".join(graphviz.escape(line) for line in lines)
