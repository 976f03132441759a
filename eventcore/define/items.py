"""The items of a loop as they are recorded: in slices, so that no engine has to hold them all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import msgspec

from eventcore.define.scopes import Slice

SLICE = 1_000  #: items in one slice


class RecordedItems(msgspec.Struct, frozen=True):
    """Items in their recorded form."""

    all_slices: Sequence[Slice]

    @property
    def size(self) -> int:
        """How many items there are."""
        return sum(part.size for part in self.all_slices)

    @property
    def keyed(self) -> bool:
        """Whether they have keys of their own."""
        return bool(self.all_slices) and self.all_slices[0].keys is not None

    def slices(self) -> Iterator[Slice]:
        """The slices in order."""
        return iter(self.all_slices)


def recorded_items(text: str) -> RecordedItems:
    """Read the result of the step that computed a loop: a list of slices as JSON, their values as tagged JSON."""
    return RecordedItems([Slice(*part) for part in json.loads(text)])
