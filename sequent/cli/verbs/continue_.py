"""`sequent continue`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import every_option, program_options, run_id_option


@click.command("continue")
@program_options
@run_id_option
@every_option
@click.option(
    "--accept-removed", is_flag=True, help="Continue even if steps with history have been removed from the program."
)
def command(every: bool, **options: Any) -> int:
    """Continue a run of TARGET where it stopped: due delays and ready steps run, failed steps stay failed."""
    from eventcore.define.status import RunMode
    from sequent.cli.every_run import run_every
    from sequent.cli.execution import run_program

    if every:
        return run_every(RunMode.continue_, **options)
    return run_program(RunMode.continue_, tells_left=not options["detach"], **options)
