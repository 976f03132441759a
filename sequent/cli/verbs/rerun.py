"""`sequent rerun`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import json_option, program_options, run_id_option


@click.command("rerun")
@program_options
@click.argument("instance", metavar="PATH[@SEQ]")
@run_id_option
@click.option("--only", "extent", flag_value="only", help="Run nothing else.")
@click.option("--downstream", "extent", flag_value="downstream", help="Run what depends on it again, too.")
@click.option("--accept-removed", is_flag=True, help="Also where the program lost a step that has history.")
@click.option("--dry-run", is_flag=True, help="Tell what would run and what would be skipped; nothing is written.")
@json_option
def command(instance: str, extent: str | None, dry_run: bool, as_json: bool, **options: Any) -> int:
    """Run PATH, or its instance PATH@SEQ, again in the next recovery of a run of TARGET; history stays.

    A container stands for everything in it, and its path with the sequence of an iteration for that iteration. What
    recovery would run anyway runs as well, unless --only is given. Where an engine works on the run, it does this when
    the run has come to its end.
    """
    from eventcore.decide.rerunning import Rerun
    from eventcore.define.status import RunMode
    from sequent.cli.answers import is_held, run_of, tell
    from sequent.cli.dry_run import tell_recovery
    from sequent.cli.execution import run_program
    from sequent.cli.instances import split

    path, sequence = split(instance)
    rerun = Rerun(path, sequence, extent or "also")  # type: ignore[arg-type]  # click has checked it
    if dry_run:
        for name in ("max_loops", "quiet", "plain", "detach"):
            del options[name]
        return tell_recovery(as_json=as_json, recovery_run=None, rerun=rerun, **options)
    if as_json:
        raise click.UsageError("--json is for --dry-run; read the run with `sequent status --json`")
    target, store, run_id = options["target"], options["store"], options["run_id"]
    if is_held(target, store, run_id):
        return tell(run_of(target, store, run_id).rerun(path, sequence, rerun.extent), is_of_run=False)
    return run_program(RunMode.recover, rerun=rerun, **options)
