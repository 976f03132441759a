"""The stores that a page shows: one, or all that lie in a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A store, and the number by which addresses of pages name it."""

    number: int
    location: str


class Stores:
    """Numbers stores as they are found; a store keeps its number, and a number never means another store.

    `find` is called for each look. What a browser sends is a number, so it reaches no file but these.
    """

    def __init__(self, find: Callable[[], Iterable[str]], folder: str | None = None) -> None:
        self.folder = folder  #: as its user named it; None for a single store
        self._find = find
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}

    def all(self) -> list[Place]:
        """The stores that are there now."""
        found = list(self._find())
        with self._lock:
            return [Place(self._numbers.setdefault(one, len(self._numbers) + 1), one) for one in found]

    def at(self, number: int) -> str:
        """The location of the store with the number; raises `KeyError`."""
        self.all()
        with self._lock:
            return {number: location for location, number in self._numbers.items()}[number]
