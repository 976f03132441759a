"""`sequent complete`."""

from __future__ import annotations

import sys

import click

from sequent.cli.options import unseen_store, value_option


@click.command("complete")
@click.argument("ticket", metavar="TICKET")
@value_option
@click.option("--error", metavar="TEXT", help="The step has failed, with this error.")
@click.option(
    "--store", metavar="STORE", callback=unseen_store,
    help="The run's store, where it has been moved or needs a password; -: read it from standard input.",
)  # fmt: skip
def command(ticket: str, value: str | None, error: str | None, store: str | None) -> int:
    """Complete the step that has deferred its end with TICKET: as a success, with a result, or as a failure.

    With `-` for TICKET, it is read from standard input: who lists the machine's processes sees what stands here.
    """
    from eventcore.run.steering import complete
    from sequent.cli.answers import tell
    from sequent.cli.values import json_value

    if ticket == "-":
        ticket = sys.stdin.readline().strip()
    return tell(complete(ticket, json_value(value), error=error, store=store), is_of_run=False)
