"""`sequent recover`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import program_options, run_id_option


@click.command("recover")
@program_options
@run_id_option
@click.option("--recovery-run", type=int, metavar="N", help="Recover as if the recoveries after N had not been.")
@click.option("--accept-removed", is_flag=True, help="Recover also where the program lost a step that has history.")
def command(**options: Any) -> int:
    """Recover a run of TARGET: what is recorded as done is skipped, everything else runs again."""
    from eventcore.status import RunMode
    from sequent.cli.running import run_program

    return run_program(RunMode.recover, **options)
