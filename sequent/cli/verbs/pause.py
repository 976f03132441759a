"""`sequent pause`."""

from __future__ import annotations

import click

from sequent.cli.options import run_id_option, store_option, target_argument


@click.command("pause")
@target_argument
@store_option
@run_id_option
def command(target: str, store: str | None, run_id: str | None) -> int:
    """Pause a run of TARGET: running steps continue, and nothing new starts until it is resumed."""
    from sequent.cli.answers import run_of, tell

    return tell(run_of(target, store, run_id).pause())
