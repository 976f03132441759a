"""The recorded items of a run's loops, so that a page can show the item of each iteration."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from eventcore.record.reading import Reader
from eventcore.record.views import RunView, SliceView
from visual.outline import StepNode
from visual.values import shown_value

ITEM = 200  #: characters of one item
ITEMS = 50_000  #: of a step's loops together; more are left out
TOTAL = 1_000_000  #: characters of all items together


def loops_of(reader: Reader, run: RunView, nodes: Iterable[StepNode]) -> list[dict[str, Any]]:
    """For each recorded loop: its step, its instance's sequence, its keys (None: 1, 2, ...) and its items as text.

    A loop whose items are more than a page can carry is left out, and so are those behind it.
    """
    found: list[dict[str, Any]] = []
    left = TOTAL
    computing = reader.program(run).items_of
    known = reader.loops(run)
    for node in nodes:
        if node.step.name not in known or node.step.name not in computing or known[node.step.name].items > ITEMS:
            continue
        slices = reader.items(run, computing[node.step.name])
        for (sequence, _), parts in groupby(slices, key=lambda part: (part.sequence, part.recovery)):
            items, left = _items(parts, left)
            if items is None:
                return found
            found.append({"path": node.path, "sequence": sequence, **items})
    return found


def _items(parts: Iterable[SliceView], left: int) -> tuple[dict[str, Any] | None, int]:
    """The keys and items of one instance, and the characters that are left; None where they do not suffice."""
    keys: list[str] | None = None
    items: list[str] = []
    for part in parts:
        shown = [shown_value(json.dumps(value, ensure_ascii=False), ITEM) for value in part.values]
        left -= sum(map(len, shown))
        if left < 0:
            return None, left
        items += shown
        if part.keys is not None:
            keys = [*(keys or []), *part.keys]
    return {"keys": keys, "items": items}, left
