"""What verbs share for printing: JSON for programs, a console for people.

The JSON is stable: keys may be added, and are not renamed or removed. Times are UTC in seconds since 1970.
"""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console

from eventcore.record.views import RunView


def console() -> Console:
    """The terminal, or a plain text of 120 columns where the output is piped."""
    found = Console(highlight=False, soft_wrap=False)
    return found if found.is_terminal else Console(highlight=False, width=120, color_system=None)


def print_json(data: Any) -> None:
    """Write data as indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def run_data(run: RunView, outstanding: int, next_due: float | None) -> dict[str, Any]:
    """A run for programs."""
    return {
        "run_id": run.run_id, "program": run.program, "state": run.state, "recovery": run.recovery,
        "parameters": run.parameters,
        "user": run.user, "host": run.host, "created": run.created, "started": run.started, "ended": run.ended,
        "engine": run.holder, "outstanding": outstanding, "next_due": next_due, "stalled": run.stalled,
        "not_reached": run.not_reached,
    }  # fmt: skip
