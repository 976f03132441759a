"""`sequent clean`."""

from __future__ import annotations

import click

from sequent.cli.options import store_option, target_argument


@click.command("clean")
@target_argument
@store_option
@click.option("--older-than", metavar="AGE", help="Runs that ended longer ago, such as 30d, 12h or 45m.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="All but the N latest runs of a program.")
@click.option("--logs", is_flag=True, help="Delete the runs' log folders, too.")
@click.option("--dry-run", is_flag=True, help="Tell what would be deleted; nothing is.")
def command(target: str, store: str | None, older_than: str | None, keep: int | None, logs: bool,
            dry_run: bool) -> int:  # fmt: skip
    """Delete old runs of TARGET: those that meet every criterion given, and never one that an engine works on."""
    from sequent.cli.cleaning import clean, seconds_of
    from sequent.cli.target import parse_target, store_of

    if older_than is None and keep is None:
        raise click.UsageError("say which runs: --older-than 30d, --keep 10, or both")
    age = None if older_than is None else seconds_of(older_than)
    return clean(store_of(parse_target(target), store), age, keep, logs=logs, dry_run=dry_run)
