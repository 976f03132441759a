"""`sequent run`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import program_options


@click.command("run")
@program_options
@click.option("--run-id", metavar="ID", help="The id of the new run; default: made from the time.")
@click.option(
    "--overlap",
    type=click.Choice(["allow", "skip", "wait"]),
    default="allow",
    show_default=True,
    help="While another run of yours of the program is under way: begin all the same, skip this one and exit with 0, "
    "or wait for its end.",
)
def command(**options: Any) -> int:
    """Start a new run of TARGET: FILE.py, FILE.py:NAME, module:NAME, or a store that knows its program."""
    from eventcore.define.status import RunMode
    from sequent.cli.execution import run_program

    return run_program(RunMode.restart, **options)
