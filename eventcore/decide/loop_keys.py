"""The keys of a loop's iterations: those of a mapping, else numbers from 1."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.scopes import Slice


def keys_in(slices: Iterable[Slice], first: int = 1) -> Iterator[str]:
    """The keys in slices of a mapping, from number `first`."""
    for part in slices:
        for number, key in enumerate(json.loads(part.keys or "[]"), part.first):
            if number >= first:
                yield key


def key_at(context: Context, task: Task, number: int) -> str:
    """The key of one iteration of a container whose items are recorded."""
    assert task.step.loop is not None
    items = task.step.loop.items or ""
    count = context.archive.item_count(items, task.sequence)
    if count is None or not count.keyed:
        return str(number)
    return next(keys_in(context.archive.item_slices(items, task.sequence, number), number))
