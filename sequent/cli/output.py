"""What verbs share for printing: JSON for programs, a console for people.

The JSON is stable: keys may be added, and are not renamed or removed. Times are UTC in seconds since 1970.
"""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console

from eventcore.record.views import RunView

WIDEST = 10_000  #: columns of a table that is not to be cut


def console(*, wide: bool = False) -> Console:
    """The terminal, or a plain text of 120 columns where the output is piped; `wide`, lines as long as they are."""
    found = Console(highlight=False, soft_wrap=False, width=WIDEST if wide else None)
    return found if found.is_terminal else Console(highlight=False, width=WIDEST if wide else 120, color_system=None)


def print_json(data: Any) -> None:
    """Write data as indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def run_data(run: RunView, store: str, outstanding: int, next_due: float | None) -> dict[str, Any]:
    """A run for programs."""
    return {
        "run_id": run.run_id, "store": store, "program": run.program, "state": run.state, "recovery": run.recovery,
        "parameters": run.parameters,
        "user": run.user, "host": run.host, "created": run.created, "started": run.started, "ended": run.ended,
        "engine": run.holder, "outstanding": outstanding, "next_due": next_due, "stalled": run.stalled,
        "not_reached": run.not_reached,
    }  # fmt: skip
