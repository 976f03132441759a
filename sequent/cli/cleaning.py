"""What `clean` does and says."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from eventcore.act.steplog import LogFolder
from eventcore.record.cleaning import delete_run, disposable, finish
from eventcore.record.reading import RunView, reading
from eventcore.record.store import Store, opened
from sequent.cli.main import EXIT_NOTHING

UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


def seconds_of(age: str) -> float:
    """An age such as `30d` or `1.5h` in seconds; raises `click.UsageError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([wdhms])", age.strip())
    if found is None:
        raise click.UsageError(f"--older-than {age!r}: write a number and one of w, d, h, m, s, such as 30d or 12h")
    return float(found[1]) * UNITS[found[2]]


def clean(location: str, age: float | None, keep: int | None, *, logs: bool, dry_run: bool) -> int:
    """Delete the runs that are older than an age and beyond the `keep` latest; returns the exit code."""
    now = time.time()
    with reading(location) as reader:
        runs = reader.runs(now)
    chosen = disposable(runs, None if age is None else now - age, keep)
    if not dry_run:
        chosen = _deleted(location, chosen, logs)
    else:
        for run in chosen:
            _say("would delete", run, _log_folder(run) if logs else None)
    for run in runs:
        if run.is_held:
            click.echo(f"kept     {run.run_id}: {run.holder} is working on it", err=True)
    if not chosen:
        click.echo(
            f"sequent: nothing to clean: none of the {len(runs)} runs in {location} meets the criteria", err=True
        )
        return EXIT_NOTHING
    click.echo(f"{len(chosen)} of {len(runs)} runs {'would be ' if dry_run else ''}deleted")
    return 0


def _deleted(location: str, chosen: Iterable[RunView], logs: bool) -> list[RunView]:
    store: Store = opened(location, create=False)
    found = []
    try:
        finish(store)
        for run in chosen:
            if not delete_run(store, run):
                click.echo(f"kept     {run.run_id}: somebody has taken it up", err=True)
                continue
            folder = _log_folder(run) if logs else None
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            _say("deleted", run, folder)
            found.append(run)
    finally:
        store.close()
    return found


def _say(what: str, run: RunView, folder: Path | None) -> None:
    since = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M:%S")
    logs = "" if folder is None else f", with its logs in {folder}"
    click.echo(f"{what}  {run.run_id}  {run.program}  {run.state}, started {since}{logs}")


def _log_folder(run: RunView) -> Path | None:
    """The folder of the run's step logs, where the store knows it and it is there."""
    logdir = run.origin.get("logdir")
    if not isinstance(logdir, str):
        return None
    folder = Path(LogFolder(logdir, run.program, run.run_id).path)
    return folder if folder.is_dir() else None
