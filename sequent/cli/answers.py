"""Requests to a run: finds the run of a target and the instances in it, and prints the answer."""

from __future__ import annotations

import time

import click

from eventcore.define.answer import Answer
from eventcore.define.plain import plain
from eventcore.record.reading import reading
from eventcore.run.steering import Steering, steer
from sequent.cli.chosen import chosen_run
from sequent.cli.exit_codes import EXIT_NOTHING, EXIT_USAGE
from sequent.cli.instances import Named, split
from visual.outline import flat_outline_of


def run_of(target: str, store: str | None, run_id: str | None) -> Steering:
    """The steering of the run that is named."""
    return steer(*chosen_run(target, store, run_id))


def instance_of(target: str, store: str | None, run_id: str | None, text: str) -> Named:
    """The instances that `PATH` or `PATH@SEQ` names in the run that is named."""
    location, run_id = chosen_run(target, store, run_id)
    with reading(location) as reader:
        program = reader.program(reader.run(run_id, time.time()))
    return split(text, {node.path for node in flat_outline_of(program)})


def is_for_engines(target: str, store: str | None, run_id: str | None) -> bool:
    """Whether an engine works on the run that is named, or is to: it was submitted."""
    location, run_id = chosen_run(target, store, run_id)
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        return run.is_held or run.is_submitted


def tell(answer: Answer, *, is_of_run: bool = True) -> int:
    """Print the answer to a request; returns the exit code.

    What was asked of the run as a whole and is refused is nothing to do; else what was named is wrong.
    """
    run, reason = plain(answer.run_id), plain(answer.reason or "")
    if answer.is_done:
        click.echo(f"{answer.verb}: done for run {run}")
        return 0
    if not answer.is_refused:
        click.echo(f"{answer.verb}: taken for run {run}; {reason}")
        return 0
    if is_of_run:
        click.echo(f"sequent: nothing to {answer.verb} in run {run}: {reason}", err=True)
        return EXIT_NOTHING
    click.echo(f"sequent: {answer.verb} refused for run {run}: {reason}", err=True)
    return EXIT_USAGE
