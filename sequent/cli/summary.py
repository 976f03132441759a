"""What is said when a run is over: what failed, how it stands, and how it can go on."""

from __future__ import annotations

import shlex
import time
from contextlib import suppress
from pathlib import Path

import click

from eventcore.define.status import TaskStatus
from eventcore.record.reading import reading
from eventcore.record.views import RunView

MOST = 5  #: failures that are told


def tell_end(location: str, run_id: str | None) -> None:
    """Print how the run ended."""
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        failures = reader.instances(run, statuses=(TaskStatus.failure,), limit=10 * MOST)
        steps = reader.program(run).step_named
    told = [failure for failure in failures if failure.step in steps and not steps[failure.step].is_hidden]
    for failure in [failure for failure in told if failure.error is not None][:MOST]:
        step = steps[failure.step]
        word = "failed, and handled" if step.handled else "failed"
        click.echo(f"{word}: {step.path}@{failure.sequence}: {failure.error}")
    click.echo(f"run {run.run_id}: {run.state}")
    _advise(run, location)


def named(location: str, run_id: str) -> str:
    """A run as the shell takes it: its store knows the program and its parameters, so nothing else has to be said."""
    with suppress(ValueError):
        location = min(location, str(Path(location).relative_to(Path.cwd())), key=len)
    return f"{shlex.quote(location)} --run-id {run_id}"


def _advise(run: RunView, location: str) -> None:
    this = named(location, run.run_id)
    if run.state == "failure":
        click.echo(f"mend the cause, then: sequent recover {this}")
    elif run.state == "cancelled":
        click.echo(f"run it on with: sequent recover {this}")
    elif run.state == "interrupted":
        click.echo(f"its engine is gone; go on with: sequent recover {this}")
    elif run.state == "paused":
        click.echo(f"let it go on with: sequent resume {this}, then sequent continue {this}")
    elif run.state == "pending":
        click.echo(f"{run.todos} outstanding; go on with: sequent continue {this}")
