"""Stored values in a form to read."""

from __future__ import annotations

import json
from typing import Any


def shown_value(text: str, most: int) -> str:
    """A value as it was stored, tagged JSON, in a form to read; text that is cut or damaged is shown as it is."""
    try:
        shown = _shown(json.loads(text))
    except (ValueError, TypeError, LookupError, RecursionError):  # what no codec wrote
        shown = _cut(text)
    return shown if len(shown) <= most else f"{shown[:most]}..."


def _cut(text: str) -> str:
    """What is left of a value: where a codec wrote it, its beginning tells what it is."""
    start, read = '{"$":"codec","v":', json.JSONDecoder().raw_decode
    try:
        name, end = read(text, len(start) + 1)
        told, _ = read(text, end + 1)
    except (ValueError, RecursionError):
        return text
    return _coded([name, told, None]) if text.startswith(start) else text


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
    if tag == "codec" and isinstance(value, list) and len(value) == 3:
        return _coded(value)
    return f"{tag}({_shown(value)})"


def _coded(value: list[Any]) -> str:
    """A value as it was described when it was written; no codec is needed for that."""
    name, told, _ = value
    return str(told) if str(name).startswith(("numpy.", "pandas.")) else f"{name}: {told}"
