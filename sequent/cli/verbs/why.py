"""`sequent why`."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from sequent.cli.options import json_option, path_argument, run_id_option, store_option, target_argument

if TYPE_CHECKING:
    from eventcore.record.views import RunView
    from visual.reasons import Explanation


@click.command("why")
@target_argument
@path_argument("path", "PATH[@SEQ]")
@store_option
@run_id_option
@json_option
def command(target: str, path: str, store: str | None, run_id: str | None, as_json: bool) -> int:
    """Explain the state of a step or instance: what it waits for, who holds that, or how it ended."""
    import time

    from eventcore.record.reading import reading
    from sequent.cli.chosen import chosen_run
    from sequent.cli.instances import named_instance
    from sequent.cli.output import print_json
    from visual.reasons import Known, explanations

    now = time.time()
    location, run_id = chosen_run(target, store, run_id)
    with reading(location) as reader:
        run = reader.run(run_id, now)
        known = Known(reader, run, now)
        named = named_instance(path, known.nodes, run)
        found = explanations(known, named.path, named.sequence)
    if as_json:
        print_json(_data(run, found))
    else:
        _print(found)
    return 0


def _print(found: Iterable[Explanation]) -> None:
    for one in found:
        click.echo(f"{one.name}: {one.state}")
        for reason in one.reasons:
            click.echo(indent(reason.text, "  "))


def _data(run: RunView, found: Iterable[Explanation]) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "state": run.state,
        "engine": run.holder,
        "instances": [
            {
                "path": one.path,
                "sequence": one.sequence,
                "items": one.items,
                "state": one.state,
                "reasons": [{"kind": reason.kind, "text": reason.text} for reason in one.reasons],
            }
            for one in found
        ],
    }
