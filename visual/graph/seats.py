"""How large the parts of a picture are, roughly, and rows for those that no arrow puts anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from visual.graph.shapes import Box, Node

Item = Node | Box
Extent = tuple[float, float]  #: width and height in points

DOWN = "TB"
RIGHT = "LR"
SCREEN = 1.6  #: width by height
_wide, _high = 800.0, 500.0  #: points that a row may take in any case
_letter, _line, _gap, _rank = 5.5, 13.0, 24.0, 44.0  #: points


def text_extent(item: Item) -> Extent:
    """The size of the item's text."""
    return max(len(line) for line in item.lines) * _letter + 16, len(item.lines) * _line + 12


def together(layers: Sequence[Sequence[Extent]], text: Extent, way: str) -> Extent:
    """The size of layers drawn that way, with the text above them."""
    if way == DOWN:
        width = max((sum(w + _gap for w, _ in layer) for layer in layers), default=0.0)
        height = sum(max(h for _, h in layer) + _rank for layer in layers)
    else:
        width = sum(max(w for w, _ in layer) + _rank for layer in layers)
        height = max((sum(h + _gap for _, h in layer) for layer in layers), default=0.0)
    return max(width, text[0]), height + text[1]


def _room(sizes: Sequence[Extent], way: str) -> float:
    """How long a row of these should be, so that all rows together have the shape of a screen."""
    area = sum((width + _gap) * (height + _rank) for width, height in sizes)
    return max(_wide, math.sqrt(area * SCREEN)) if way == DOWN else max(_high, math.sqrt(area / SCREEN))


def seats(items: Sequence[Item], sizes: Sequence[Extent], way: str) -> list[list[Item]]:
    """The items in rows, in their order, each as long as there is room, and of much the same number."""
    along = 0 if way == DOWN else 1
    longest = max((size[along] + _gap for size in sizes), default=1.0)
    most = max(1, int(_room(sizes, way) / longest))
    rows = math.ceil(len(items) / most)
    each = math.ceil(len(items) / rows) if rows else 1
    return [list(items[start : start + each]) for start in range(0, len(items), each)]
