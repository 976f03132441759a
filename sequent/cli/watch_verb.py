"""`sequent watch`."""

from __future__ import annotations

import click

from sequent.cli.options import run_id_option, store_option, target_argument


@click.command("watch")
@target_argument
@store_option
@run_id_option
@click.option("--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True, metavar="S",
              help="Seconds between looks at the store, at the least.")  # fmt: skip
def command(target: str, store: str | None, run_id: str | None, interval: float) -> int:
    """Watch a run of TARGET until it is over: its tree in a terminal, a line for each change elsewhere.

    The exit code is the run's. Ctrl-C ends the watching and leaves the run alone.
    """
    from sequent.cli.target import parse_target, store_of
    from sequent.cli.watching import watch

    return watch(store_of(parse_target(target), store), run_id, interval)
