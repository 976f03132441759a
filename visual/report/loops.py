"""The recorded items of a run's loops, so that a page can say which item an iteration had."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from eventcore.record.reading import Reader, RunView
from visual.outline import StepNode
from visual.report.texts import shown_value

ITEM = 200  #: characters of one item
LOOP = 2_000_000  #: characters of a loop's record; a longer one is left out
TOTAL = 1_000_000  #: characters of all items together


def loops_of(reader: Reader, run: RunView, nodes: Iterable[StepNode]) -> list[dict[str, Any]]:
    """For each recorded loop: its step, its instance's sequence, its keys (None: 1, 2, ...) and its items as text."""
    found: list[dict[str, Any]] = []
    left = TOTAL
    for node in (inner for top in nodes for inner in top.walk()):
        if node.loop is None:
            continue
        for result in reader.results(run, LOOP, step=f"{node.path}#items"):
            if result.text is None or result.size > LOOP:
                continue
            items = _items(result.text)
            left -= sum(map(len, items["items"])) if items else 0
            if left < 0:
                return found
            if items:
                found.append({"path": node.path, "sequence": result.sequence, **items})
    return found


def _items(text: str) -> dict[str, Any] | None:
    try:
        recorded = json.loads(text)
        return {
            "keys": recorded["keys"],
            "items": [shown_value(json.dumps(value, ensure_ascii=False), ITEM) for value in recorded["values"]],
        }
    except (ValueError, KeyError, TypeError):
        return None
