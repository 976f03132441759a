"""Values on the command line."""

from __future__ import annotations

import json

import click


def json_value(text: str | None) -> object:
    """What `--value` says; a word that is no JSON is not taken for a text, as it may be a mistyped number."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise click.UsageError(f"--value {text!r} is not JSON; write a text in quotes, as '\"{text[:40]}\"'") from None
