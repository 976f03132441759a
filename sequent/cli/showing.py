"""How verbs that read show what they found: JSON for programs, tables and trees for people.

The JSON is stable: keys may be added, and are not renamed or removed. Times are UTC in seconds since 1970.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from eventcore.record.reading import InstanceView, RunView
from visual.live.tree import STYLES
from visual.outline import StepNode
from visual.standing import Standing, duration, unreached


def console() -> Console:
    """The terminal, or a plain text of 120 columns where the output is piped."""
    found = Console(highlight=False, soft_wrap=False)
    return found if found.is_terminal else Console(highlight=False, width=120, color_system=None)


def print_json(data: Any) -> None:
    """Write data as indented JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def run_data(run: RunView) -> dict[str, Any]:
    """A run for programs."""
    return {
        "run_id": run.run_id, "program": run.program, "state": run.state, "recovery": run.recovery,
        "created": run.created, "started": run.started, "ended": run.ended, "engine": run.holder,
        "outstanding": run.todos, "next_due": run.next_due, "stalled": run.stalled, "not_reached": run.not_reached,
    }  # fmt: skip


def status_data(run: RunView, nodes: Iterable[StepNode], standings: Mapping[str, Standing],
                failures: Iterable[InstanceView]) -> dict[str, Any]:  # fmt: skip
    """A run with its steps for programs."""
    paths = {node.kernel_name: node.path for top in nodes for node in top.walk()}
    nothing = unreached(run)

    def step_data(node: StepNode) -> dict[str, Any]:
        standing = standings.get(node.kernel_name, nothing)
        return {
            "path": node.path, "state": standing.state, "counts": dict(standing.counts), "seconds": standing.seconds,
            "loop": node.loop, "steps": [step_data(child) for child in node.children],
        }  # fmt: skip

    return {
        **run_data(run),
        "steps": [step_data(node) for node in nodes],
        "failures": [
            {
                "path": paths[f.step],
                "sequence": f.sequence,
                "recovery": f.recovery,
                "try": f.try_number,
                "error": f.error,
            }
            for f in failures
            if f.step in paths
        ],
    }


def runs_table(runs: Iterable[RunView]) -> None:
    """The runs, one a line."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "program", "state", "recovery", "started", "took", "outstanding"):
        table.add_column(heading)
    for run in runs:
        took = "" if run.ended is None else duration(run.ended - run.started)
        started = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M:%S")
        state = f"[{STYLES.get(run.state, 'yellow')}]{run.state}[/]"
        table.add_row(run.run_id, run.program, state, str(run.recovery), started, took, str(run.todos))
    console().print(table)
