"""Loops: what may stand in `loop`, and the items that come of it.

A loop's items are computed once, when its container starts, and recorded as the result of a hidden step; every
iteration, and every recovery, walks the recorded ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eventcore.define.reference import Reference
from eventcore.define.sequence import is_name
from eventcore.define.values import NotStorableError, decode, encode
from sequent.errors import LoopError


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a loop, and the keys that its iterations have in their sequences."""

    keys: Sequence[str]
    values: Sequence[Any]

    def value(self, key: str) -> Any:
        """The item of one iteration."""
        return self.values[self.keys.index(key) if not isinstance(self.keys, Numbers) else int(key) - 1]


class Numbers(Sequence[str]):
    """The keys `1` to `n` of loops over plain iterables, without a list of them."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return str(range(1, self._count + 1)[index])


ONCE = Items(Numbers(1), (None,))  #: the one iteration of a container without a loop


def plain_items(value: Any) -> dict[str, Any]:
    """What is recorded of a loop: its values, and its keys where it is a mapping.

    Runs in a worker or where the flow is built; raises `LoopError` for what cannot be walked.
    """
    if isinstance(value, Mapping):
        keys = [_key(key) for key in value]
        if len(set(keys)) < len(keys):
            raise LoopError("two of the loop's keys are the same text; keys tell iterations apart, make them differ")
        return {"keys": keys, "values": list(value.values())}
    if not isinstance(value, Iterable):
        raise LoopError(f"the loop is {value!r}, which cannot be walked; give an iterable or a mapping")
    return {"keys": None, "values": list(value)}


def _key(key: Any) -> str:
    text = str(key)
    if not is_name(text) or "." in text or "/" in text or "@" in text:
        raise LoopError(
            f"loop key {key!r}: keys stand in sequences, so they are non-empty text without '.', '/', '@' and NUL"
        )
    return text


def read_items(recorded: Any) -> Items:
    """The items from what `plain_items` recorded."""
    values = recorded["values"]
    return Items(Numbers(len(values)) if recorded["keys"] is None else recorded["keys"], values)


def items_from_text(text: str) -> Items:
    """The items from the recorded text."""
    return read_items(decode(text))


def static_items(value: Any, path: str) -> str:
    """The recorded form of a loop that is known when the flow is built; raises `LoopError` naming the step."""
    try:
        return encode(plain_items(value))
    except (LoopError, NotStorableError) as error:
        raise LoopError(f"step {path!r}, loop: {error}") from None


def is_static(loop: Any) -> bool:
    """Whether the items are known when the flow is built."""
    return not isinstance(loop, Reference) and (isinstance(loop, (Mapping, Iterable)) or not callable(loop))


class ComputedItems:
    """The function of the hidden step that computes a loop: calls the user's callable, or takes a step's result."""

    def __init__(self, function: Callable[[], Any] | None) -> None:
        self._function = function

    def __call__(self, *result: Any) -> dict[str, Any]:
        return plain_items(result[0] if self._function is None else self._function())
