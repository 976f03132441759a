"""`sequent status`."""

from __future__ import annotations

import click

from sequent.cli.options import json_option, run_id_option, store_option, target_argument


@click.command("status")
@target_argument
@store_option
@run_id_option
@json_option
def command(target: str, store: str | None, run_id: str | None, as_json: bool) -> int:
    """Show how a run of TARGET stands: the tree of its steps with states, counts and times."""
    import time

    from eventcore.define.status import TaskStatus
    from eventcore.record.reading import reading
    from sequent.cli.showing import console, print_json, status_data
    from sequent.cli.target import parse_target, store_of
    from visual.live.tree import run_tree
    from visual.outline import outline_of
    from visual.standing import standings

    with reading(store_of(parse_target(target), store)) as reader:
        now = time.time()
        run = reader.run(run_id, now)
        nodes = outline_of(reader.document(run))
        known = standings(reader, run)
        failures = reader.instances(run, statuses=(TaskStatus.failure,), limit=200)
    if as_json:
        print_json(status_data(run, nodes, known, failures))
    else:
        console().print(run_tree(run, nodes, known, failures, now))
    return 0
