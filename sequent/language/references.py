"""References between steps: another step's result, the item of a loop."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from eventcore.define.reference import Lookup, Reference
from sequent.language.loops import Items, read_items

if TYPE_CHECKING:
    from sequent.language.step import FlowStep


class ResultReference(Reference):
    """`step.result`: the result of the instance that belongs to the one that asks.

    Of a step with a loop of its own, it is the list of its iterations' results, or a mapping by key where the loop is
    one. None where the step did not succeed.
    """

    def __init__(self, step: FlowStep) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        at = ".".join(sequence.split(".")[: self.step.depth])
        if self.step.loop is None:
            return lookup.result(self.step.path, at)
        items = items_at(lookup, self.step, at)
        results = [lookup.result(f"{self.step.path}#body", f"{at}.{key}") for key in items.keys]
        return dict(zip(items.keys, results, strict=True)) if isinstance(items.keys, list) else results

    def __repr__(self) -> str:
        return f"{self.step.path}.result"


class ItemReference(Reference):
    """`container.item`: the item of the iteration that encloses the step that asks."""

    def __init__(self, step: FlowStep) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        keys = sequence.split(".")
        depth = self.step.depth
        items = items_at(lookup, self.step, ".".join(keys[:depth]))
        value = items.value(keys[depth])
        return value if isinstance(value, (str, int, float, type(None))) else copy.deepcopy(value)

    def __repr__(self) -> str:
        return f"{self.step.path}.item"


class NearestItem(Reference):
    """`sequent.item`: the item of the nearest loop around a step, its own included; `add_step` finds out which."""

    def __repr__(self) -> str:
        return "item"


class KeyReference(Reference):
    """`container.key`: the key of the iteration that encloses the step that asks, as it stands in its sequence."""

    def __init__(self, step: FlowStep) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> str:
        """See `Reference`."""
        return sequence.split(".")[self.step.depth]

    def __repr__(self) -> str:
        return f"{self.step.path}.key"


def items_at(lookup: Lookup, step: FlowStep, sequence: str) -> Items:
    """The items of a loop's instance, read once for many iterations."""
    key = f"{step.path}#items", sequence
    items: Items = lookup.cached(key, lambda: read_items(lookup.result(*key)))
    return items


item = NearestItem()
