"""The texts of a page: each stored once and cut to a length, within a total size."""

from __future__ import annotations


class Texts:
    """A pool of texts; equal ones are kept once. `most` is in characters, over all texts together."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        """The place of the text in `all`, -1 for none or for one that there is no room for."""
        if not text:
            return -1
        known = self._places.get(text)
        if known is not None:
            return known
        if len(text) > self._left:
            return -1
        self._left -= len(text)
        self._places[text] = len(self._places)
        return len(self._places) - 1

    @property
    def all(self) -> list[str]:
        """The texts by their places."""
        return list(self._places)


def head_and_tail(text: str | None, most: int) -> str | None:
    """The text, or where it is longer its beginning and its end, which of tracebacks and errors say the most."""
    if text is None or len(text) <= most:
        return text
    first, last = most // 4, most - most // 4
    return f"{text[:first]}\n[... {len(text) - most} characters left out ...]\n{text[-last:]}"
