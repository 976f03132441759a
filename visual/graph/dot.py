"""Graphs in Graphviz's language."""

from __future__ import annotations

import html

import graphviz

from eventcore.define.plain import plain
from visual.graph.direction import ranked
from visual.graph.looks import INK, MUTED, look_of
from visual.graph.ranks import Ranks
from visual.graph.seats import DOWN
from visual.graph.shapes import JUNCTIONS, Box, Edge, Graph, Node

FONT = "Helvetica,Arial,sans-serif"
EASED = 2000  #: from this effort on Graphviz tries less hard to place all well
_dashes = {"failure": "dashed", "complete": "dotted"}
_kinds: dict[str, dict[str, str]] = {
    "container": {"style": "rounded,filled,dashed"},
    "items": {"style": "rounded,filled,dashed"},
    "event": {"shape": "ellipse", "margin": "0.06,0.03"},
    "fold": {"shape": "box3d", "style": "filled", "margin": "0.2,0.1"},
    "closed": {"shape": "box3d", "style": "filled", "margin": "0.2,0.1"},
    "and": {"shape": "circle", "style": "filled", "margin": "0.02", "fontsize": "9", "width": "0.3", "height": "0.3"},
    "or": {"shape": "diamond", "style": "filled", "margin": "0.01", "fontsize": "9", "width": "0.5", "height": "0.4"},
    "least": {"shape": "diamond", "style": "filled", "margin": "0.01", "fontsize": "9"},
}
_unprintable = dict.fromkeys([*range(32), *range(127, 160), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " ")


def dot_text(graph: Graph) -> str:
    """The graph as DOT; the same graph gives the same text. What a node or box stands for is its `id`."""
    ranks = ranked(graph)
    beside, after = ("0.3", "0.4" if graph.root.depth == 0 else "0.6") if ranks.way == DOWN else ("0.15", "0.6")
    drawing = graphviz.Digraph("flow")
    drawing.attr("graph", **_title(graph.root), labelloc="t", labeljust="l", compound="true", fontname=FONT,
                 fontsize="13", fontcolor=INK, rankdir=ranks.way, nodesep=beside, ranksep=after, pad="0.2")  # fmt: skip
    drawing.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize="11", fontcolor=INK,
                 margin="0.14,0.07", height="0.35")  # fmt: skip
    drawing.attr("edge", fontname=FONT, fontsize="9", fontcolor=MUTED, color=MUTED, arrowsize="0.7")
    if ranks.effort > EASED:
        drawing.attr("graph", nslimit="1", nslimit1="1", mclimit="0.2")
    writer = _Writer(drawing, ranks, is_labelled=graph.is_labelled)
    writer.fill(drawing, graph.root)
    writer.seat(graph.root)
    for edge in graph.edges:
        writer.arrow(edge)
    return str(drawing.source)


class _Writer:
    """Gives nodes and boxes short names: any text can be an id, and not any text can be a name in DOT."""

    def __init__(self, drawing: graphviz.Digraph, ranks: Ranks, *, is_labelled: bool) -> None:
        self._drawing = drawing
        self._ranks = ranks
        self._is_labelled = is_labelled
        self._items: dict[str, Node | Box] = {}
        self._names: dict[str, str] = {}
        self._clusters: dict[str, str] = {}

    def fill(self, drawing: graphviz.Digraph, box: Box) -> None:
        """Draw what is in the box."""
        for item in self._ordered(box):
            self._items[item.id] = item
            if isinstance(item, Box):
                self._clusters[item.id] = f"cluster_{len(self._clusters) + 1}"
                with drawing.subgraph(name=self._clusters[item.id]) as cluster:
                    cluster.attr("graph", **_cluster(item))
                    self.fill(cluster, item)
            elif box.boxes and box.id in self._clusters and self._ranks.is_loose(item):
                # in a box, Graphviz draws boxes before nodes, so each has a box of its own, which is not seen
                with drawing.subgraph(name=f"cluster_of_{len(self._names) + 1}") as frame:
                    frame.attr("graph", style="", label="", id="", peripheries="0", margin="0")
                    self._node(frame, item)
            else:
                self._node(drawing, item)

    def _node(self, drawing: graphviz.Digraph, node: Node) -> None:
        self._names[node.id] = f"n{len(self._names) + 1}"
        drawing.node(self._names[node.id], **_node(node))

    def _ordered(self, box: Box) -> list[Node | Box]:
        """The members so that they are drawn in the order of their definition.

        Where a picture runs to the right, Graphviz begins at the bottom: in the whole picture with what is connected,
        in a box with each member.
        """
        if self._ranks.way == DOWN:
            return box.members
        if box.id in self._clusters:
            return box.members[::-1]
        return [item for group in reversed(self._ranks.groups(box)) for item in group]

    def seat(self, box: Box) -> None:
        """Put what no arrow puts anywhere into rows, by arrows that are not seen."""
        for before, item in self._ranks.seats(box):
            self._line(before, item, style="invis")
        for inner in box.boxes:
            self.seat(inner)

    def arrow(self, edge: Edge) -> None:
        """Draw an arrow; at a box it ends at the border. Graphviz ranks a box as a whole: all of it stands behind."""
        look = {"style": _dashes.get(edge.label, "solid")}
        if edge.is_earlier:
            look |= {"style": "dashed", "constraint": "false"}
        if edge.source in self._clusters:
            look["ltail"] = self._clusters[edge.source]
        if edge.target in self._clusters:
            look["lhead"] = self._clusters[edge.target]
        if text := edge.text(is_labelled=self._is_labelled):
            look["label"] = graphviz.escape(f" {text} ")
        self._line(self._items[edge.source], self._items[edge.target], **look)

    def _line(self, source: Node | Box, target: Node | Box, **look: str) -> None:
        ends = self._ranks.exit(source), self._ranks.entry(target)
        self._drawing.edge(self._names[ends[0].id], self._names[ends[1].id], **look)


def _node(node: Node) -> dict[str, str]:
    look = look_of(node.state)
    drawn = {"id": _id(node), "fillcolor": look.fill, "color": look.border}
    if look.width != 1:
        drawn["penwidth"] = f"{look.width:g}"
    drawn |= _kinds.get(node.kind, {})
    return drawn | {"label": node.name if node.kind in JUNCTIONS else _label(node, "center")}


def _id(item: Node | Box) -> str:
    """As SVG has it, see `plain`: what cannot be printed is no XML, and Graphviz takes `&lt;` for `<`."""
    found: str = graphviz.escape(plain(item.id).replace("&", "&amp;"))
    return found


def _cluster(box: Box) -> dict[str, str]:
    look = look_of(box.state, box=True)
    return {
        "label": _label(box, "left"), "id": _id(box), "style": "rounded,filled",
        "fillcolor": look.fill, "color": look.border, "penwidth": f"{look.width:g}", "fontname": FONT,
        "fontsize": "11", "fontcolor": INK, "labeljust": "l", "margin": "12",
    }  # fmt: skip


def _title(root: Box) -> dict[str, str]:
    return {"label": _label(root, "left")} if root.name else {}


def _label(item: Node | Box, align: str) -> str:
    """Graphviz's own markup: the name, under it in small what it is, and how it stands."""
    end = f'<br align="{align}"/>'
    is_event = isinstance(item, Node) and item.kind == "event"
    name = _text(item.name) if is_event else f"<b>{_text(item.name)}</b>"
    about = [f'<font point-size="9" color="{MUTED}">{_text(line)}</font>' for line in item.about]
    said = [f'<font point-size="10">{_text(line)}</font>' for line in item.said]
    return f"<{end.join([name, *about, *said])}{end}>"


def _text(line: str) -> str:
    return html.escape(_clean(line), quote=False) or " "


def _clean(text: str) -> str:
    return text.translate(_unprintable)
