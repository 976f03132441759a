"""`sequent continue`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import program_options, run_id_option


@click.command("continue")
@program_options
@run_id_option
@click.option("--accept-removed", is_flag=True, help="Go on also where the program lost a step that has history.")
def command(**options: Any) -> int:
    """Go on with a run of TARGET as it stands: due delays and ready steps; a failure stays a failure."""
    from eventcore.define.status import RunMode
    from sequent.cli.execution import run_program

    return run_program(RunMode.continue_, **options)
