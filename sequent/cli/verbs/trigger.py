"""`sequent trigger`."""

from __future__ import annotations

import click

from sequent.cli.options import run_id_option, store_option, target_argument


@click.command("trigger")
@target_argument
@click.argument("event", metavar="EVENT")
@click.argument("sequence", metavar="[SEQ]", required=False)
@store_option
@run_id_option
def command(target: str, event: str, sequence: str | None, store: str | None, run_id: str | None) -> int:
    """Trigger an event in a run of TARGET, at sequence SEQ or at a new one."""
    from sequent.cli.answers import run_of, tell

    return tell(run_of(target, store, run_id).trigger(event, sequence), is_of_run=False)
