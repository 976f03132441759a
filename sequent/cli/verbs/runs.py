"""`sequent runs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import json_option, store_option, target_argument

if TYPE_CHECKING:
    from eventcore.record.views import RunView


@click.command("runs")
@target_argument
@store_option
@json_option
def command(target: str, store: str | None, as_json: bool) -> int:
    """List the runs of TARGET, the latest first."""
    import time

    from eventcore.record.reading import reading
    from sequent.cli.chosen import chosen_store
    from sequent.cli.output import print_json, run_data
    from sequent.cli.target import parse_target

    location = chosen_store(parse_target(target), store)
    with reading(location) as reader:
        runs = reader.runs(time.time())
        outstanding = [reader.outstanding(run) for run in runs]
    if as_json:
        print_json([run_data(run, *left) for run, left in zip(runs, outstanding, strict=True)])
    elif runs:
        _print_table(runs, [count for count, _ in outstanding])
    else:
        click.echo(f"store {location} has no runs", err=True)
    return 0 if runs else EXIT_NOTHING


def _print_table(runs: Sequence[RunView], outstanding: Sequence[int]) -> None:
    """The runs, one a line, with their users where they are of several, and their parameters where they have some."""
    from datetime import datetime

    from rich.markup import escape
    from rich.table import Table

    from sequent.cli.output import console
    from visual.live.tree import STYLES
    from visual.standing import duration

    table = Table(box=None, pad_edge=False)
    of_several = len({run.user for run in runs}) > 1
    whose = ["user"] if of_several else []
    with_parameters = ["parameters"] if any(run.parameters for run in runs) else []
    table.add_column("run", no_wrap=True, min_width=max(len(run.run_id) for run in runs))
    for heading in (*whose, "program", "state", "recovery", "started", "took", "outstanding", *with_parameters):
        table.add_column(heading, overflow="fold")
    for run, left in zip(runs, outstanding, strict=True):
        took = "" if run.ended is None else duration(run.ended - run.started)
        started = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M:%S")
        state = f"[{STYLES.get(run.state, 'yellow')}]{run.state}[/]"
        whose = [run.user] if of_several else []
        given = [" ".join(f"{name}={value}" for name, value in run.parameters.items())] if with_parameters else []
        cells = (*whose, run.program, state, str(run.recovery), started, took, str(left), *map(escape, given))
        table.add_row(escape(run.run_id), *cells)
    console().print(table)
