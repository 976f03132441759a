"""Stored values that are read only where they are used: the engine need not have the libraries and codecs for them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from eventcore.define.reference import Lookup, Reference, mapped, references_in
from eventcore.define.values import Content, classes_in, decode, files_in, is_coded
from eventcore.errors import StoreError


class Sealed(Reference):
    """A stored value among the arguments of a call; `opened` has it replaced where the call is performed.

    Its classes travel with it: a worker has not imported the script, and need not have imported other modules.
    """

    def __init__(self, text: str, files: Mapping[str, Content], what: str, classes: Mapping[str, type]) -> None:
        self._parts = text, files, what, classes

    @property
    def has_classes(self) -> bool:
        """Whether it names classes of users."""
        return bool(self._parts[3])

    def resolve(self, lookup: Lookup | None = None, sequence: str = "") -> Any:
        """The value; raises `StoreError` where it cannot be read in this process."""
        text, files, what, classes = self._parts
        try:
            return decode(text, files, classes=classes)
        except (StoreError, ValueError) as error:
            raise StoreError(f"{what} cannot be used: {error}") from None

    def __reduce_ex__(self, protocol: object) -> Any:
        return Sealed, self._parts

    def __deepcopy__(self, memo: dict[int, Any]) -> Sealed:
        return self

    def __repr__(self) -> str:
        return f"<{self._parts[2]}, as it is stored>"


class Computed(Sealed):
    """What a function makes of values some of which are sealed; it opens them itself, where the call is performed.

    The function travels by its name; its errors are the call's.
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call = function, arguments

    @property
    def has_classes(self) -> bool:
        """See `Sealed`."""
        return any(found.has_classes for found in references_in(self._call[1]) if isinstance(found, Sealed))

    def resolve(self, lookup: Lookup | None = None, sequence: str = "") -> Any:
        """What the function returns; raises whatever it raises."""
        function, arguments = self._call
        return function(*arguments)

    def __reduce_ex__(self, protocol: object) -> Any:
        return Computed, self._call

    def __repr__(self) -> str:
        return f"<{', '.join(map(repr, references_in(self._call[1])))}>"


def value_or_sealed(text: str, what: str, file: Callable[[str], Content]) -> Any:
    """The value, sealed if it needs a codec; `file` finds the files that it speaks of. Raises `ValueError`."""
    if not is_coded(text):
        return decode(text)
    return Sealed(text, {name: file(name) for name in files_in(text)}, what, classes_in(text))


def values_or_sealed(text: str, what: str) -> list[Any]:
    """The items of a list as `value_or_sealed` has them; they have no files."""
    if not is_coded(text):
        found: list[Any] = decode(text)
        return found
    parts = (json.dumps(part, ensure_ascii=False, separators=(",", ":")) for part in json.loads(text))
    return [Sealed(part, {}, what, classes_in(part)) if is_coded(part) else decode(part) for part in parts]


def opened(value: Any) -> Any:
    """The value with what is sealed in it read; raises `StoreError`, and what a function raises that computes it."""
    return mapped(value, lambda found: found.resolve() if isinstance(found, Sealed) else found)
