"""`sequent signal`."""

from __future__ import annotations

import click

from sequent.cli.options import path_argument, run_id_option, store_option, target_argument, value_option


@click.command("signal")
@target_argument
@path_argument("path", "PATH[@SEQ]")
@value_option
@store_option
@run_id_option
def command(target: str, path: str, value: str | None, store: str | None, run_id: str | None) -> int:
    """Answer a wait in a run of TARGET, by its path; of several that are waiting, the one at SEQ."""
    from sequent.cli.answers import instance_of, run_of, tell
    from sequent.cli.values import json_value

    named = instance_of(target, store, run_id, path)
    answer = run_of(target, store, run_id).signal(named.path, json_value(value), named.sequence)
    return tell(answer, is_of_run=False)
