"""`sequent cancel`."""

from __future__ import annotations

import click

from sequent.cli.options import path_argument, run_id_option, store_option, target_argument


@click.command("cancel")
@target_argument
@path_argument("instance", "[PATH[@SEQ]]", required=False)
@store_option
@run_id_option
def command(target: str, instance: str | None, store: str | None, run_id: str | None) -> int:
    """Cancel a run of TARGET, or one of its steps: PATH for all instances, PATH@SEQ for one.

    A cancelled run can be recovered.
    """
    from sequent.cli.answers import instance_of, run_of, tell

    run = run_of(target, store, run_id)
    if instance is None:
        return tell(run.cancel())
    named = instance_of(target, store, run.run_id, instance)
    return tell(run.cancel(named.path, named.sequence), is_of_run=False)
