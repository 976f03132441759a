"""References between steps: another step's result, the item of a loop."""

from __future__ import annotations

import copy
from typing import Any

from eventcore.define.reference import Lookup, Reference
from sequent.language.placed import Placed

SCALARS = frozenset((str, int, float, bool, type(None)))  #: what need not be copied


class ResultReference(Reference):
    """`step.result`: the result of the instance that belongs to the one that asks.

    Of a step with a loop of its own, it is the list of its iterations' results, or a mapping by key where the loop is
    one. None where the step did not succeed.
    """

    def __init__(self, step: Placed) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        at = ".".join(sequence.split(".")[: self.step.depth])
        if self.step.loop is None:
            return lookup.result(self.step.path, at)
        keys, is_mapping = lookup.keys(self.step.path, at)
        results = [lookup.result(body_name(self.step.path), f"{at}.{key}") for key in keys]
        return dict(zip(keys, results, strict=True)) if is_mapping else results

    def __repr__(self) -> str:
        return f"{self.step.path}.result"


class ItemReference(Reference):
    """`container.item`: the item of the iteration that encloses the step that asks."""

    def __init__(self, step: Placed) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        keys = sequence.split(".", self.step.depth + 1)
        depth = self.step.depth
        around = keys[0] if depth == 1 else ".".join(keys[:depth])
        value = lookup.item(self.step.path, around, keys[depth])
        return value if type(value) in SCALARS else copy.deepcopy(value)

    def __repr__(self) -> str:
        return f"{self.step.path}.item"


class NearestItem(Reference):
    """`sequent.item`: the item of the nearest loop around a step, its own included; `add_step` finds out which."""

    def __repr__(self) -> str:
        return "item"


class KeyReference(Reference):
    """`container.key`: the key of the iteration that encloses the step that asks, as it stands in its sequence."""

    def __init__(self, step: Placed) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> str:
        """See `Reference`."""
        return sequence.split(".")[self.step.depth]

    def __repr__(self) -> str:
        return f"{self.step.path}.key"


def body_name(path: str) -> str:
    """The kernel's name of the function of a step with a loop of its own."""
    return f"{path}#body"


item = NearestItem()
