"""Whether a picture can be drawn in a few seconds, known before Graphviz begins."""

from __future__ import annotations

from visual.errors import PictureError
from visual.graph.direction import ranked
from visual.graph.shapes import Graph

MOST = 9000  #: nodes, and ranks that arrows go through; Graphviz's time grows with the square, this many take 5 to 9 s


def check_effort(graph: Graph) -> None:
    """Raise `PictureError` for a graph that would take Graphviz more than about 10 s."""
    size, arrows = graph.root.size, len(graph.edges)
    if size + arrows > MOST or ranked(graph).effort > MOST:
        raise PictureError(
            f"laying out {size:,} nodes and {arrows:,} arrows would take Graphviz more than 10 s; give the path of a "
            "step to draw it with its neighbours, a depth from which on containers are closed, or take the DOT text to "
            "a faster layout, such as sfdp"
        )
