"""`sequent logs`."""

from __future__ import annotations

import click

from sequent.cli.options import json_option, run_id_option, store_option, target_argument


@click.command("logs")
@target_argument
@click.argument("path", metavar="[PATH[@SEQ]]", required=False)
@store_option
@run_id_option
@click.option("--try", "number", type=click.IntRange(min=1), metavar="N", help="Only the Nth try of each instance.")
@click.option("--failed", is_flag=True, help="Only tries that failed.")
@click.option("--follow", is_flag=True, help="Show what running steps say as they say it, until they end.")
@json_option
def command(target: str, path: str | None, store: str | None, run_id: str | None, number: int | None, failed: bool,
            follow: bool, as_json: bool) -> int:  # fmt: skip
    """Show what the steps of a run printed and logged: all, those inside PATH, or one instance, as in load/day@1.2."""
    from sequent.cli.following import follow_logs
    from sequent.cli.showing_logs import show_logs
    from sequent.cli.target import parse_target, store_of

    if follow and (as_json or failed):
        raise click.UsageError("--follow shows what is said from now on; leave out --json and --failed")
    location = store_of(parse_target(target), store)
    if follow:
        return follow_logs(location, run_id, path, number)
    return show_logs(location, run_id, path, number, failed=failed, as_json=as_json)
