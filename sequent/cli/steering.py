"""What `pause`, `resume`, `cancel` and `trigger` have in common: record a request and say what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from eventcore.decide.rerunning import Rerun
from eventcore.define.program import EventKind
from eventcore.record import requests
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from sequent.cli.exit_codes import EXIT_NOTHING, EXIT_USAGE
from sequent.cli.target import TargetError, parse_target, store_of

PATIENCE = 10.0  #: seconds to wait for the engine's answer


def steer(target: str, store: str | None, run_id: str | None, verb: str, argument: Mapping[str, Any]) -> int:
    """Ask something of a run, wait for its engine's answer where it has one; returns the exit code."""
    location = store_of(parse_target(target), store)
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
    if verb != "trigger" and (done := _nothing_to_do(run)) is not None:
        click.echo(f"sequent: nothing to {verb}: {done}", err=True)
        return EXIT_NOTHING
    request = requests.ask(location, run.id, verb, argument, time.time())
    answer = _awaited(location, request, PATIENCE if run.is_held else 0.0)
    if answer is None:
        when = "its engine has not answered yet" if run.is_held else "the engine that goes on with the run will see it"
        click.echo(f"{verb}: recorded for run {run.run_id}; {when}")
        return 0
    if answer != "done":
        click.echo(f"sequent: {verb} {answer}", err=True)
        return EXIT_USAGE
    click.echo(f"{verb}: done for run {run.run_id}")
    return 0


def _nothing_to_do(run: RunView) -> str | None:
    if run.state in ("success", "failure", "stalled", "cancelled"):
        return f"run {run.run_id} has ended with {run.state}"
    return None


def _awaited(location: str, request: int, patience: float) -> str | None:
    deadline = time.monotonic() + patience
    while True:
        with reading(location) as reader:
            answer = requests.answer_of(reader.connection, request)
        if answer is not None or time.monotonic() >= deadline:
            return answer
        time.sleep(0.05)


def instance(text: str) -> tuple[str, str | None]:
    """`PATH` or `PATH@SEQ` as a path and a sequence."""
    path, separator, sequence = text.rpartition("@")
    return (path, sequence) if separator else (text, None)


def trigger_argument(
    target: str, store: str | None, run_id: str | None, event: str, sequence: str | None
) -> dict[str, str]:
    """What `trigger` asks; raises `TargetError` for an event that the run's program does not have."""
    with reading(store_of(parse_target(target), store)) as reader:
        run = reader.run(run_id, time.time())
        known = [known.name for known in reader.program(run).events if known.kind is EventKind.public]
        if event not in known:
            shown = ", ".join(known) or "none with a name of its own"
            raise TargetError(f"the program of run {run.run_id!r} has no event {event!r}; it has {shown}")
        return {"event": event, "sequence": sequence or requests.fresh_sequence(reader.connection, run.id)}


def asked_of_engine(rerun: Rerun, target: str, store: str | None, run_id: str | None) -> bool:
    """Record who wants what to run again; True where an engine works on the run and will do it at its end.

    Raises `TargetError` for a path that the run's program does not have.
    """
    location = store_of(parse_target(target), store)
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        paths = {step.path for step in reader.program(run).steps}
    if rerun.path not in paths:
        raise TargetError(
            f"run {run.run_id!r} has no instance of {rerun.path} to run again; its status shows what there is"
        )
    argument = {"path": rerun.path, "sequence": rerun.sequence, "extent": rerun.extent}
    requests.ask(location, run.id, requests.RERUN, argument, time.time())
    if run.is_held:
        click.echo(f"rerun: recorded for run {run.run_id}; its engine does it when the run has come to its end")
    return run.is_held
