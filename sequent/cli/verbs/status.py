"""`sequent status`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from sequent.cli.options import json_option, run_id_option, store_option, target_argument

if TYPE_CHECKING:
    from eventcore.record.views import InstanceView, RunView
    from visual.instances import Instances
    from visual.outline import StepNode
    from visual.standing import Standing


@click.command("status")
@target_argument
@store_option
@run_id_option
@json_option
def command(target: str, store: str | None, run_id: str | None, as_json: bool) -> int:
    """Show the state of a run of TARGET: the tree of its steps with states, counts and times."""
    import time

    from eventcore.define.status import TaskStatus
    from eventcore.record.reading import reading
    from sequent.cli.chosen import chosen_run
    from sequent.cli.output import console, print_json
    from visual.instances import Instances
    from visual.live.tree import run_tree
    from visual.outline import outline_of
    from visual.standing import standings

    location, run_id = chosen_run(target, store, run_id)
    with reading(location) as reader:
        now = time.time()
        run = reader.run(run_id, now)
        nodes = outline_of(reader.program(run))
        known = standings(reader, run)
        failures = reader.instances(run, statuses=(TaskStatus.failure,), limit=200)
        instances, outstanding = Instances(reader, run), reader.outstanding(run)
        if as_json:
            print_json(_data(run, location, nodes, known, failures, instances, outstanding))
        else:
            console().print(run_tree(run, nodes, known, failures, instances, outstanding, now))
    return 0


def _data(run: RunView, store: str, nodes: Iterable[StepNode], standings: Mapping[str, Standing],
          failures: Iterable[InstanceView], instances: Instances,
          outstanding: tuple[int, float | None]) -> dict[str, Any]:  # fmt: skip
    """A run with its steps for programs."""
    from sequent.cli.output import run_data
    from visual.standing import unreached

    paths = {name: node.path for top in nodes for node in top.walk() for name in node.kernel_names}
    nothing = unreached(run)

    def step_data(node: StepNode) -> dict[str, Any]:
        standing = standings.get(node.kernel_name, nothing)
        return {
            "path": node.path, "state": standing.state, "counts": dict(standing.counts), "seconds": standing.seconds,
            "loop": None if node.loop is None else str(node.loop),
            "progress": None if standing.progress is None else msgspec.structs.asdict(standing.progress),
            "steps": [step_data(child) for child in node.children],
        }  # fmt: skip

    return {
        **run_data(run, store, *outstanding),
        "steps": [step_data(node) for node in nodes],
        "failures": [
            {
                "path": paths[f.step],
                "sequence": f.sequence,
                "items": instances.items(f.step, f.sequence, f.recovery),
                "recovery": f.recovery,
                "try": f.try_number,
                "error": f.error,
            }
            for f in failures
            if f.step in paths
        ],
    }
