"""`sequent runs`."""

from __future__ import annotations

import click

from sequent.cli.options import json_option, store_option, target_argument


@click.command("runs")
@target_argument
@store_option
@json_option
def command(target: str, store: str | None, as_json: bool) -> int:
    """List the runs of TARGET, the latest first."""
    import time

    from eventcore.record.reading import reading
    from sequent.cli.main import EXIT_NOTHING
    from sequent.cli.showing import print_json, run_data, runs_table
    from sequent.cli.target import parse_target, store_of

    location = store_of(parse_target(target), store)
    with reading(location) as reader:
        runs = reader.runs(time.time())
    if as_json:
        print_json([run_data(run) for run in runs])
    elif runs:
        runs_table(runs)
    else:
        click.echo(f"store {location} has no runs", err=True)
    return 0 if runs else EXIT_NOTHING
