"""What is printed when a run is over: what failed, its state, and how to continue."""

from __future__ import annotations

import time

import click

from eventcore.define.error_text import headline
from eventcore.define.plain import plain
from eventcore.define.status import TaskStatus
from eventcore.record.reading import reading
from eventcore.run.next_action import next_action
from visual.instances import Instances

MOST = 5  #: failures that are told


def tell_end(location: str, run_id: str | None) -> None:
    """Print how the run ended; failures that earlier recoveries handled are old news."""
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        failed = (TaskStatus.failure,)
        failures = reader.instances(run, statuses=failed, since=run.counts_from, limit=10 * MOST)
        steps = reader.program(run).step_named
        shown = [failure for failure in failures if failure.step in steps and not steps[failure.step].is_hidden]
        told = [
            failure
            for failure in shown
            if failure.error is not None and (failure.recovery == run.recovery or not steps[failure.step].handled)
        ][:MOST]
        instances = Instances(reader, run)
        names = [instances.name(failure.step, failure.sequence, failure.recovery) for failure in told]
    for name, failure in zip(names, told, strict=True):
        word = "failed, and handled" if steps[failure.step].handled else "failed"
        click.echo(f"{word}: {name}: {plain(headline(failure.error or ''))}")
    click.echo(f"run {plain(run.run_id)}: {run.state}")
    action = next_action(run, location)
    if action is not None:
        click.echo(action)
