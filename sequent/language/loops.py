"""Loops: what users may write under `loop`, and the slices in which the items are recorded.

A loop's items are computed once, when its container starts, and recorded; every iteration, and every recovery, walks
the recorded ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from eventcore.define.codecs import NotStorableError
from eventcore.define.items import SLICE, RecordedItems
from eventcore.define.reference import Reference
from eventcore.define.scopes import Slice
from eventcore.define.sequence import is_name
from eventcore.define.values import encode
from sequent.errors import LoopError


class RangeItems:
    """The items of a `range`, generated as they are recorded."""

    keyed = False

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self._numbers)

    def slices(self) -> Iterator[Slice]:
        """The slices in order."""
        return slices_of(self._numbers)


def slices_of(value: Any) -> Iterator[Slice]:
    """What is recorded of a loop: its values, and its keys where it is a mapping.

    Runs in a worker or where the flow is built; raises `LoopError` for what cannot be walked.
    """
    if isinstance(value, Mapping):
        return _keyed(value)
    try:
        walk = iter(value) if (rows := _rows(value)) is None else rows
    except TypeError:
        raise LoopError(
            f"the loop is {value!r}, which cannot be iterated over; give an iterable or a mapping"
        ) from None
    return _numbered(walk)


def _rows(value: Any) -> Iterator[dict[Any, Any]] | None:
    """The rows of a table of pandas as mappings from columns to values; None for anything else."""
    frame_class: Any = getattr(sys.modules.get("pandas"), "DataFrame", None)
    if frame_class is None or not isinstance(value, frame_class):
        return None
    if not value.columns.is_unique:
        raise LoopError("the loop is a DataFrame with two columns of the same name; rename one of them")
    parts = (value.iloc[first : first + SLICE].to_dict("records") for first in range(0, len(value), SLICE))
    return (row for part in parts for row in part)


def _numbered(walk: Iterator[Any]) -> Iterator[Slice]:
    first = 1
    while (part := list(islice(walk, SLICE))) or first == 1:
        yield Slice(first, len(part), None, encode(part))
        if not part:
            return
        first += len(part)


def _keyed(items: Mapping[Any, Any]) -> Iterator[Slice]:
    known: set[str] = set()
    walk, first = iter(items.items()), 1
    while (part := list(islice(walk, SLICE))) or first == 1:
        keys = [_key(key) for key, _ in part]
        known.update(keys)
        if len(known) < first - 1 + len(keys):
            raise LoopError("two of the loop's keys are the same as text; give each iteration a key of its own")
        yield Slice(first, len(part), json.dumps(keys), encode([value for _, value in part]))
        if not part:
            return
        first += len(part)


def _key(key: Any) -> str:
    text = str(key)
    if not is_name(text) or "." in text or "/" in text or "@" in text:
        raise LoopError(
            f"loop key {key!r}: keys are part of sequences, so they must be non-empty text without '.', '/', '@' or NUL"
        )
    return text


def static_items(value: Any, path: str) -> RangeItems | RecordedItems:
    """The recorded form of a loop that is known when the flow is built; raises `LoopError` naming the step."""
    if type(value) is range:
        return RangeItems(value)
    try:
        return RecordedItems(list(slices_of(value)))
    except (LoopError, NotStorableError) as error:
        raise LoopError(f"step {path!r}, loop: {error}") from None


def is_static(loop: Any) -> bool:
    """Whether the items are known when the flow is built."""
    return not isinstance(loop, Reference) and (isinstance(loop, (Mapping, Iterable)) or not callable(loop))


class StaticLoop:
    """A loop known when the flow is built, in its recorded form."""

    def __init__(self, items: RangeItems | RecordedItems) -> None:
        self.items = items


class ComputedItems:
    """The function of the step that computes a loop: calls the user's callable, or takes a step's result."""

    def __init__(self, function: Callable[[], Any] | None) -> None:
        self._function = function

    def __call__(self, *result: Any) -> list[list[Any]]:
        value = result[0] if self._function is None else self._function()
        return [list(part) for part in slices_of(value)]
