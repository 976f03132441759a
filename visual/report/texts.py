"""The texts of a page: each stored once and cut to a length, within a total size."""

from __future__ import annotations

import json
from typing import Any


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


def shown_value(text: str, most: int) -> str:
    """A value as it was stored, tagged JSON, in a form to read; text that is cut is shown as it is."""
    try:
        shown = _shown(json.loads(text))
    except (ValueError, RecursionError):
        shown = text
    return shown if len(shown) <= most else f"{shown[:most]}..."


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        if "$" in value:
            return _tagged(str(value["$"]), value.get("v"))
        return "{" + ", ".join(f"{key!r}: {_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(value)


def _tagged(tag: str, value: Any) -> str:
    if tag in ("text", "decimal", "uuid", "path", "datetime", "date", "time", "float"):
        return str(value)
    if tag == "dict" and isinstance(value, list):
        return "{" + ", ".join(f"{_shown(key)}: {_shown(item)}" for key, item in value) + "}"
    if tag == "dataclass" and isinstance(value, list) and isinstance(value[1], dict):
        parts = ", ".join(f"{key}={_shown(item)}" for key, item in value[1].items())
        return f"{str(value[0]).rpartition(':')[2]}({parts})"
    if tag in ("enum", "flag") and isinstance(value, list):
        return f"{str(value[0]).rpartition(':')[2]}.{value[1]}"
    return f"{tag}({_shown(value)})"
