"""`sequent emit`."""

from __future__ import annotations

import click

from sequent.cli.options import value_option


@click.command("emit")
@click.argument("event", metavar="EVENT")
@value_option
def command(event: str, value: str | None) -> int:
    """Emit EVENT of the step that has started this program, while the step runs on."""
    import os

    from eventcore.act.variables import STEP_VARIABLE
    from eventcore.run.steering import emit
    from sequent.cli.answers import tell
    from sequent.cli.values import json_value

    address = os.environ.get(STEP_VARIABLE)
    if address is None:
        raise click.UsageError(
            "emit works in programs that a step has started: a step in a worker process, with an event declared with "
            "step.event(name), of a run whose store is not in memory"
        )
    return tell(emit(address, event, json_value(value)), is_of_run=False)
