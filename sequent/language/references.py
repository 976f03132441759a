"""References between steps: another step's result, the item of a loop."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from eventcore.define.reference import Lookup, Reference
from sequent.errors import FlowError, ReferencePartError
from sequent.language.placed import Placed

SCALARS = frozenset((str, int, float, bool, type(None)))  #: what need not be copied


class FlowReference(Reference):
    """A stand-in that refuses what only the value itself could answer, and says how to get at that."""

    def __str__(self) -> NoReturn:
        raise FlowError(self._no_text)

    def __format__(self, spec: str) -> NoReturn:
        raise FlowError(self._no_text)

    def __bool__(self) -> NoReturn:
        raise FlowError(f"{self._unknown}, so it is neither true nor false yet; decide in the function that gets it")

    if not TYPE_CHECKING:  # for mypy, a reference has no parts

        def __getitem__(self, key: object) -> NoReturn:
            raise ReferencePartError(self._no_part(f"[{key!r}]"))

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("_") or name == "step":  # what Python asks for, also of an object that is being copied
                raise AttributeError(name)
            raise ReferencePartError(self._no_part(f".{name}"))

    @property
    def _unknown(self) -> str:
        return f"{self!r} is not known before the run"

    @property
    def _no_text(self) -> str:
        return f"{self._unknown}, so it has no text yet; pass {self!r} as an argument and make the text in the function"

    def _no_part(self, part: str) -> str:
        return (
            f"{self._unknown}, so there is no reference to its part {part}; pass {self!r} as an argument and take the "
            "part in the function, or add a step that returns the part"
        )


class ResultReference(FlowReference):
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


class ItemReference(FlowReference):
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


class RecordedCount(FlowReference):
    """How many items of a container's loop are recorded."""

    def __init__(self, step: Placed) -> None:
        self.step = step

    def resolve(self, lookup: Lookup, sequence: str) -> int:
        """See `Reference`."""
        return lookup.size(self.step.path, sequence)

    def __repr__(self) -> str:
        return f"the number of items of {self.step.path}"


class NearestItem(FlowReference):
    """`sequent.item`: the item of the nearest loop around a step, its own included; `add_step` finds out which."""

    def __repr__(self) -> str:
        return "item"


class KeyReference(FlowReference):
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


item = NearestItem()  #: in a step's arguments: the item of the nearest loop, which may be the step's own
