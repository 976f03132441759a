"""Which way a picture runs: downwards or to the right, whichever is closer to the shape of a screen."""

from __future__ import annotations

import math

from visual.graph.ranks import Ranks
from visual.graph.seats import DOWN, RIGHT, SCREEN, Extent
from visual.graph.shapes import Graph

_narrow = 0.6  #: a picture narrower than this is read as well, by scrolling down
_long = 2500.0  #: points; a picture as wide as this, or twice as high, is put into rows if it is nowhere near a screen


def ranked(graph: Graph) -> Ranks:
    """The layers of the graph, drawn `TB` or `LR`; where there is little between them, downwards."""
    down, right = Ranks(graph, DOWN), Ranks(graph, RIGHT)
    found = down if _shape(down.extent) <= _shape(right.extent) + 0.25 else right
    return Ranks(graph, DOWN, wraps=True) if found.extent[0] > _long or found.extent[1] > 2 * _long else found


def _shape(extent: Extent) -> float:
    """How far from a screen's shape: 0 for one of its kind."""
    ratio = extent[0] / extent[1]
    return 0.0 if _narrow <= ratio <= SCREEN else abs(math.log(ratio / (_narrow if ratio < _narrow else SCREEN)))
