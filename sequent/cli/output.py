"""What verbs share for printing: JSON for programs, a console for people.

The JSON is stable: keys may be added, and are not renamed or removed. Times are UTC in seconds since 1970.
"""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.measure import Measurement

from eventcore.record.views import RunView

WIDEST = 10_000  #: columns of a table that is not to be cut


def print_table(table: RenderableType) -> None:
    """Print a table that is never cut, for people and for pipes."""
    terminal = Console(highlight=False, width=WIDEST)
    _print(terminal if terminal.is_terminal else _plain(WIDEST), table)


def print_fitted(lines: RenderableType) -> None:
    """Print lines that are wrapped to fit the terminal, and where the output is piped, as long as they are."""
    terminal = Console(highlight=False)
    if terminal.is_terminal:
        _print(terminal, lines)
        return
    plain = _plain(WIDEST)
    _print(_plain(max(1, Measurement.get(plain, plain.options, lines).maximum)), lines)


def _plain(width: int) -> Console:
    return Console(highlight=False, width=width, color_system=None)


def _print(console: Console, lines: RenderableType) -> None:
    """Print by way of click, which can write any text whatever the locale is."""
    with console.capture() as printed:
        console.print(lines)
    for line in printed.get().splitlines():
        click.echo(line.rstrip(), color=console.is_terminal)


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
