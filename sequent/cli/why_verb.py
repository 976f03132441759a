"""`sequent why`."""

from __future__ import annotations

import click

from sequent.cli.options import json_option, run_id_option, store_option, target_argument


@click.command("why")
@target_argument
@click.argument("path", metavar="PATH[@SEQ]")
@store_option
@run_id_option
@json_option
def command(target: str, path: str, store: str | None, run_id: str | None, as_json: bool) -> int:
    """Tell why an instance has not run, or stands as it does: what it waits for, who has it, or how it ended."""
    from sequent.cli.explaining import explain
    from sequent.cli.target import parse_target, store_of

    return explain(store_of(parse_target(target), store), run_id, path, as_json=as_json)
