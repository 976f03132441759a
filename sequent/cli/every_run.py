"""`--all` of `continue` and `recover`: every run of a program that they can serve, and advice where some were left."""

from __future__ import annotations

import time
from typing import Any

import click

from eventcore.define.status import RunMode
from eventcore.errors import EventcoreError
from eventcore.record.identity import user
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from eventcore.run.next_action import stored_at
from sequent.cli.chosen import chosen_store
from sequent.cli.execution import run_program
from sequent.cli.exit_codes import EXIT_FAILED, EXIT_NOTHING, EXIT_USAGE
from sequent.cli.target import as_recorded, parse_target

#: the states of runs that a mode serves; one that was cancelled or paused on purpose stays so
SERVED = {
    RunMode.continue_: ("pending", "interrupted"),
    RunMode.recover: ("failure", "stalled", "interrupted"),
}
MOST = 5  #: runs that are named


def run_every(mode: RunMode, target: str, store: str | None, run_id: str | None, detach: bool, **options: Any) -> int:
    """Serve your runs of the target one after the other, the oldest first; returns the worst exit code."""
    if run_id is not None or detach:
        raise click.UsageError("--all takes one run after the other; leave out --run-id and --detach")
    location = chosen_store(parse_target(target), store)
    found = [run for run in _own(target, location) if run.state in SERVED[mode]]
    if not found:
        click.echo(f"sequent: nothing to {mode.value}: no run in {location} is {_either(SERVED[mode])}", err=True)
        return EXIT_NOTHING
    codes = {0}
    for run in found:
        try:
            codes.add(run_program(mode, target=target, store=store, run_id=run.run_id, **options))
        except EventcoreError as error:
            click.echo(f"sequent: run {run.run_id}: {' '.join(str(error).split())}", err=True)
            codes.add(EXIT_USAGE)
    return next(code for code in (EXIT_FAILED, EXIT_USAGE, 0) if code in codes)


def tell_left(mode: RunMode, target: str, store: str | None) -> None:
    """Say in a line which of your runs before the latest the command could have served, too."""
    location = chosen_store(parse_target(target), store)
    left = [run for run in _own(target, location)[:-1] if run.state in SERVED[mode]]
    if left:
        named = ", ".join(f"{run.run_id} ({run.state})" for run in left[:MOST])
        more = f" and {len(left) - MOST} more" if len(left) > MOST else ""
        click.echo(
            f"sequent: left as they are: {named}{more}; to {mode.value} every run: "
            f"sequent {mode.value} {stored_at(location)} --all", err=True,
        )  # fmt: skip


def _own(target: str, location: str) -> list[RunView]:
    """Your runs of the target, or all of yours in a store that is the target; the oldest first."""
    parsed = parse_target(target)
    with reading(location) as reader:
        runs = reader.runs(time.time())
    return [
        run for run in reversed(runs)
        if run.user == user() and (parsed.store is not None or run.origin.get("target") == as_recorded(parsed))
    ]  # fmt: skip


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
