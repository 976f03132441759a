"""`sequent rerun`."""

from __future__ import annotations

from typing import Any

import click

from sequent.cli.options import json_option, path_argument, program_options, run_id_option


@click.command("rerun")
@program_options
@path_argument("instance", "PATH[@SEQ]")
@run_id_option
@click.option("--only", "extent", flag_value="only", help="Rerun this and nothing else.")
@click.option("--downstream", "extent", flag_value="downstream", help="Rerun everything that depends on it, too.")
@click.option(
    "--accept-removed", is_flag=True, help="Rerun even if steps with history have been removed from the program."
)
@click.option("--dry-run", is_flag=True, help="Show what would run and what would be skipped; change nothing.")
@json_option
def command(instance: str, extent: str | None, dry_run: bool, as_json: bool, **options: Any) -> int:
    """Rerun PATH, or its instance PATH@SEQ, in a new recovery of a run of TARGET; earlier results are kept.

    A container means everything in it; its path with the sequence of an iteration means that iteration. Steps that
    recovery would run anyway run as well, unless --only is given. If an engine is working on the run, the rerun starts
    when the run ends; an engine carries it out, too, if the run was submitted.
    """
    from eventcore.decide.rerunning import Rerun
    from eventcore.define.status import RunMode
    from sequent.cli.answers import instance_of, is_for_engines, run_of, tell
    from sequent.cli.dry_run import tell_recovery
    from sequent.cli.execution import run_program

    target, store, run_id = options["target"], options["store"], options["run_id"]
    named = instance_of(target, store, run_id, instance)
    rerun = Rerun(named.path, named.sequence, extent or "also")  # type: ignore[arg-type]  # click has checked it
    if dry_run:
        for name in ("max_loops", "quiet", "verbose", "plain", "detach"):
            del options[name]
        return tell_recovery(as_json=as_json, recovery_run=None, rerun=rerun, **options)
    if as_json:
        raise click.UsageError("--json is for --dry-run; read the run with `sequent status --json`")
    if is_for_engines(target, store, run_id):
        return tell(run_of(target, store, run_id).rerun(named.path, named.sequence, rerun.extent), is_of_run=False)
    return run_program(RunMode.recover, rerun=rerun, **options)
