"""References between steps: another step's result, the item of a loop."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from eventcore.define.reference import Lookup
from sequent.language.placed import Placed
from sequent.language.stand_in import FlowReference

if TYPE_CHECKING:
    from sequent.language.results import ContainerResults

SCALARS = frozenset((str, int, float, bool, type(None)))  #: what need not be copied


class ResultReference(FlowReference):
    """`step.result`: the result of the instance that belongs to the one that asks.

    Of a step with a loop of its own, it is the list of its iterations' results, or a mapping by key where the loop is
    one. None where the step did not succeed.
    """

    def __init__(self, step: Placed) -> None:
        self._step = step

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        return result_at(lookup, self._step, ".".join(sequence.split(".")[: self._step.depth]))

    def __repr__(self) -> str:
        return f"{self._step.path}.result"


class ValueReference(FlowReference):
    """`event.value`: the value with which the step that belongs to the one that asks has emitted its event."""

    def __init__(self, step: Placed, event: str) -> None:
        self._step = step
        self._event = event

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        at = ".".join(sequence.split(".")[: self._step.depth])
        return lookup.value(event_name(self._step.path, self._event), at)

    def __repr__(self) -> str:
        return f"{self._step.path}.event({self._event!r}).value"


class ItemReference(FlowReference):
    """`container.item`: the item of the iteration that encloses the step that asks."""

    def __init__(self, step: Placed) -> None:
        self._step = step

    def resolve(self, lookup: Lookup, sequence: str) -> Any:
        """See `Reference`."""
        keys = sequence.split(".", self._step.depth + 1)
        depth = self._step.depth
        around = keys[0] if depth == 1 else ".".join(keys[:depth])
        value = lookup.item(self._step.path, around, keys[depth])
        return value if type(value) in SCALARS else copy.deepcopy(value)

    def __repr__(self) -> str:
        return f"{self._step.path}.item"


class RecordedCount(FlowReference):
    """How many items of a container's loop are recorded."""

    def __init__(self, step: Placed) -> None:
        self._step = step

    def resolve(self, lookup: Lookup, sequence: str) -> int:
        """See `Reference`."""
        return lookup.size(self._step.path, sequence)

    def __repr__(self) -> str:
        return f"the number of items of {self._step.path}"


class NearestItem(FlowReference):
    """`sequent.item`: the item of the nearest loop around a step, its own included; `add_step` finds out which."""

    def __repr__(self) -> str:
        return "item"


class KeyReference(FlowReference):
    """`container.key`: the key of the iteration that encloses the step that asks, as it stands in its sequence."""

    def __init__(self, step: Placed) -> None:
        self._step = step

    def resolve(self, lookup: Lookup, sequence: str) -> str:
        """See `Reference`."""
        return sequence.split(".")[self._step.depth]

    def __repr__(self) -> str:
        return f"{self._step.path}.key"


def placed_of(reference: ResultReference | ItemReference | KeyReference | ValueReference | ContainerResults) -> Placed:
    """The step that a reference speaks of."""
    return reference._step


def event_of(reference: ValueReference) -> str:
    """The name of the event whose value a reference stands for."""
    return reference._event


def result_at(lookup: Lookup, step: Placed, at: str) -> Any:
    """The result of a step's instance at a sequence: see `ResultReference`."""
    if step.loop is None:
        return lookup.result(step.path, at)
    keys, is_mapping = lookup.keys(step.path, at)
    results = [lookup.result(body_name(step.path), f"{at}.{key}") for key in keys]
    return dict(zip(keys, results, strict=True)) if is_mapping else results


def event_name(path: str, name: str) -> str:
    """The kernel's name of an event that the step at a path emits."""
    return f"{path}#event-{name}"


def body_name(path: str) -> str:
    """The kernel's name of the function of a step with a loop of its own."""
    return f"{path}#body"


item = NearestItem()  #: in a step's arguments: the item of the nearest loop, which may be the step's own
