"""Which way a picture runs: downwards or to the right, whichever is closer to the shape of a screen."""

from __future__ import annotations

import math

from visual.graph.ranks import Ranks
from visual.graph.shapes import Box, Graph, Node

DOWN = "TB"
RIGHT = "LR"
_screen = 1.6  #: width by height
_narrow = 0.6  #: a picture narrower than this is read as well, by scrolling down
_letter, _line, _gap, _rank = 5.5, 13.0, 24.0, 44.0  #: points, roughly


def direction(graph: Graph, ranks: Ranks) -> str:
    """`TB` or `LR`; where there is little between them, downwards."""
    down, right = (_shape(*_extent(graph.root, ranks, way)) for way in (DOWN, RIGHT))
    return DOWN if down <= right + 0.25 else RIGHT


def _shape(width: float, height: float) -> float:
    """How far from a screen's shape: 0 for one of its kind."""
    ratio = width / height
    return 0.0 if _narrow <= ratio <= _screen else abs(math.log(ratio / (_narrow if ratio < _narrow else _screen)))


def _extent(item: Node | Box, ranks: Ranks, way: str) -> tuple[float, float]:
    """Roughly the width and height of an item, in points."""
    text = max(len(line) for line in item.lines) * _letter + 16, len(item.lines) * _line + 12
    if isinstance(item, Node):
        return text
    layers = [[_extent(member, ranks, way) for member in layer] for layer in ranks.of(item)]
    if way == DOWN:
        width = max((sum(w + _gap for w, _ in layer) for layer in layers), default=0.0)
        height = sum(max(h for _, h in layer) + _rank for layer in layers)
    else:
        width = sum(max(w for w, _ in layer) + _rank for layer in layers)
        height = max((sum(h + _gap for _, h in layer) for layer in layers), default=0.0)
    return max(width, text[0]), height + text[1]
