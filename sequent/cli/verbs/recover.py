"""`sequent recover`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import json_option, program_options, run_id_option


@click.command("recover")
@program_options
@run_id_option
@click.option("--recovery-run", type=int, metavar="N", help="Recover as if the recoveries after N had not been.")
@click.option("--accept-removed", is_flag=True, help="Recover also where the program lost a step that has history.")
@click.option("--dry-run", is_flag=True, help="Tell what would run and what would be skipped; nothing is written.")
@json_option
def command(dry_run: bool, as_json: bool, **options: Any) -> int:
    """Recover a run of TARGET: what is recorded as done is skipped, everything else runs again."""
    from eventcore.define.status import RunMode

    if dry_run:
        from sequent.cli.dry_run import tell_recovery

        for name in ("max_loops", "quiet", "plain", "detach"):
            del options[name]
        return tell_recovery(as_json=as_json, **options)
    if as_json:
        raise click.UsageError("--json is for --dry-run; read a recovered run with `sequent status --json`")
    from sequent.cli.execution import run_program

    return run_program(RunMode.recover, **options)
