"""`sequent recover`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import every_option, json_option, program_options, run_id_option


@click.command("recover")
@program_options
@run_id_option
@every_option
@click.option("--recovery-run", type=int, metavar="N", help="Ignore the recoveries after N.")
@click.option(
    "--accept-removed", is_flag=True, help="Recover even if steps with history have been removed from the program."
)
@click.option("--dry-run", is_flag=True, help="Show what would run and what would be skipped; change nothing.")
@json_option
def command(every: bool, dry_run: bool, as_json: bool, **options: Any) -> int:
    """Recover a run of TARGET: skip what has succeeded, run everything else again."""
    from eventcore.define.status import RunMode

    if every and (dry_run or options["recovery_run"] is not None):
        raise click.UsageError("--all takes every run as it stands; leave out --dry-run and --recovery-run")
    if dry_run:
        from sequent.cli.dry_run import tell_recovery

        for name in ("max_loops", "quiet", "verbose", "plain", "detach"):
            del options[name]
        return tell_recovery(as_json=as_json, **options)
    if as_json:
        raise click.UsageError("--json is for --dry-run; read a recovered run with `sequent status --json`")
    from sequent.cli.every_run import run_every
    from sequent.cli.execution import run_program

    if every:
        return run_every(RunMode.recover, **options)
    return run_program(RunMode.recover, tells_left=not options["detach"], **options)
