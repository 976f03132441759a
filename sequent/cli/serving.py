"""What `serve` does: find the store, tell the address, serve until Ctrl-C."""

from __future__ import annotations

import time
import webbrowser

import click

from eventcore.record.reading import reading
from sequent.cli.target import parse_target, store_of


def serving(target: str, store: str | None, port: int, is_opened: bool) -> int:
    """Serve until Ctrl-C; returns the exit code."""
    try:
        from visual.page.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("visual", "eventcore"):
            raise
        raise click.UsageError(
            f"serve needs {error.name}, which is not installed; pip install 'sequent-flow[live]'"
        ) from None
    location = store_of(parse_target(target), store)
    with reading(location) as reader:
        reader.runs(time.time())

    def tell(address: str) -> None:
        click.echo(f"serving {location} at {address}")
        click.echo("Keep the address to yourself: who has it can steer the runs. Ctrl-C ends the page, no run.")
        if is_opened:
            webbrowser.open(address)

    try:
        serve(location, port, tell)
    except OSError as error:
        raise click.UsageError(f"port {port} cannot be had: {error.strerror}; give another --port") from None
    except KeyboardInterrupt:
        pass
    return 0
