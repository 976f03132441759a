"""Runs that are not over although no engine works on them, and the line of advice where a command leaves some."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from eventcore.define.plain import plain
from eventcore.define.status import RunMode
from eventcore.record.identity import user
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from eventcore.run.next_action import stored_at
from eventcore.run.runner import Runner
from sequent.cli.target import as_recorded, parse_target

#: the states of runs that a mode serves; one that was cancelled or paused on purpose stays so
SERVED = {
    RunMode.continue_: ("pending", "interrupted"),
    RunMode.recover: ("failure", "stalled", "interrupted"),
}
MOST = 5  #: runs that are named


def own_runs(target: str, location: str) -> list[RunView]:
    """Your runs of the target, or all of yours in a store that is the target; the oldest first."""
    parsed = parse_target(target)
    return [
        run for run in _own(location)
        if parsed.store is not None or run.origin.get("target") == as_recorded(parsed)
    ]  # fmt: skip


def tell_left(mode: RunMode, target: str, location: str) -> None:
    """Say in a line which of your runs before the latest the command could have served, too."""
    _tell(mode, own_runs(target, location)[:-1], location)


def tell_left_by_run(program: Runner) -> None:
    """Say in a line which of your runs of the program are unfinished, apart from the one that has just been run."""
    runs = [run for run in _own(program.store) if run.program == program.name and run.run_id != program.run_id]
    _tell(RunMode.continue_, runs, program.store)


def _own(location: str) -> list[RunView]:
    with reading(location) as reader:
        return [run for run in reversed(reader.runs(time.time())) if run.user == user()]


def _tell(mode: RunMode, runs: Sequence[RunView], location: str) -> None:
    left = [run for run in runs if run.state in SERVED[mode]]
    if left:
        named = ", ".join(f"{plain(run.run_id)} ({run.state})" for run in left[:MOST])
        more = f" and {len(left) - MOST} more" if len(left) > MOST else ""
        click.echo(
            f"sequent: left as they are: {named}{more}; to {mode.value} every run: "
            f"sequent {mode.value} {stored_at(location, left[0].origin.get('target'))} --all", err=True,
        )  # fmt: skip
