"""`sequent continue`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import program_options, run_id_option


@click.command("continue")
@program_options
@run_id_option
@click.option(
    "--accept-removed", is_flag=True, help="Continue even if steps with history have been removed from the program."
)
def command(**options: Any) -> int:
    """Continue a run of TARGET where it stopped: due delays and ready steps run, failed steps stay failed."""
    from eventcore.define.status import RunMode
    from sequent.cli.execution import run_program

    return run_program(RunMode.continue_, **options)
