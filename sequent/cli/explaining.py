"""What `why` prints."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import click

from eventcore.record.reading import RunView, reading
from sequent.cli.instances import named_instance
from sequent.cli.showing import print_json
from visual.reasons import Explanation, Known, explanations


def explain(location: str, run_id: str | None, instance: str, *, as_json: bool) -> int:
    """Print why the instance stands as it does; returns the exit code."""
    now = time.time()
    with reading(location) as reader:
        run = reader.run(run_id, now)
        known = Known(reader, run, now)
        named = named_instance(instance, known.nodes, run)
        found = explanations(known, named.path, named.sequence)
    if as_json:
        print_json(_data(run, found))
        return 0
    for one in found:
        click.echo(f"{one.name} is {one.state}")
        for reason in one.reasons:
            click.echo(f"  {reason.text}")
    return 0


def _data(run: RunView, found: Iterable[Explanation]) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "state": run.state,
        "engine": run.holder,
        "instances": [
            {
                "path": one.path,
                "sequence": one.sequence,
                "state": one.state,
                "reasons": [{"kind": reason.kind, "text": reason.text} for reason in one.reasons],
            }
            for one in found
        ],
    }
