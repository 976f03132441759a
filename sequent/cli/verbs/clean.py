"""`sequent clean`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventcore.define.plain import plain
from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import all_users_option, store_option, target_argument

if TYPE_CHECKING:
    from eventcore.record.views import RunView

UNITS = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


@click.command("clean")
@target_argument
@store_option
@click.option("--older-than", metavar="AGE", help="Delete runs that ended longer ago than this: 30d, 12h, 45m.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Keep the N latest runs of each program.")
@click.option("--pending", is_flag=True, help="Delete runs that are submitted, pending or paused, too.")
@click.option("--logs", is_flag=True, help="Delete the runs' logs, too.")
@all_users_option
@click.option("--dry-run", is_flag=True, help="Show what would be deleted; delete nothing.")
def command(target: str, store: str | None, older_than: str | None, keep: int | None, pending: bool,
            logs: bool, all_users: bool, dry_run: bool) -> int:  # fmt: skip
    """Delete old runs of yours of TARGET: those that meet all the criteria given.

    Runs in progress are never deleted; those that are submitted, pending or paused only with --pending.
    """
    from sequent.cli.chosen import chosen_store
    from sequent.cli.target import parse_target

    if older_than is None and keep is None:
        raise click.UsageError("say which runs: --older-than 30d, --keep 10, or both")
    age = None if older_than is None else _seconds_of(older_than)
    return _clean(chosen_store(parse_target(target), store), age, keep, pending=pending, logs=logs,
                  all_users=all_users, dry_run=dry_run)  # fmt: skip


def _seconds_of(age: str) -> float:
    """An age such as `30d` or `1.5h` in seconds; raises `click.UsageError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([wdhms])", age.strip())
    if found is None:
        raise click.UsageError(f"--older-than {age!r}: write a number and one of w, d, h, m, s, such as 30d or 12h")
    return float(found[1]) * UNITS[found[2]]


def _clean(location: str, age: float | None, keep: int | None, *, pending: bool, logs: bool, all_users: bool,
           dry_run: bool) -> int:  # fmt: skip
    """Delete the runs that are older than an age and beyond the `keep` latest; returns the exit code."""
    import time

    from eventcore.record.cleaning import disposable, unfinished
    from eventcore.record.reading import reading
    from sequent.cli.users import own

    now = time.time()
    with reading(location) as reader:
        every = reader.runs(now)
    runs = every if all_users else own(every)
    chosen = disposable(runs, None if age is None else now - age, keep)
    spared = [] if pending else unfinished(chosen)
    chosen = [run for run in chosen if run not in spared]
    if not dry_run:
        chosen = _deleted(location, chosen, logs)
    else:
        for run in chosen:
            _say("would delete", run, _logs(run, location) if logs else [])
    for run in runs:
        if run.is_held:
            click.echo(f"kept     {plain(run.run_id)}: {run.holder} is working on it", err=True)
    if spared:
        _say_spared(spared)
    if not chosen:
        _say_nothing(location, [] if all_users else every, is_spared=bool(spared))
        return EXIT_NOTHING
    of_runs = f"{len(chosen)} of {len(runs)} run{'' if len(runs) == 1 else 's'}"
    click.echo(f"{of_runs} {'would be ' if dry_run else ''}deleted")
    return 0


def _say_nothing(location: str, every: Sequence[RunView], *, is_spared: bool) -> None:
    from sequent.cli.users import tell_others

    tell_others(every)
    which = "no other run" if is_spared else "no run"
    click.echo(f"sequent: nothing to clean: {which} in {location} meets the criteria", err=True)


def _deleted(location: str, chosen: Iterable[RunView], logs: bool) -> list[RunView]:
    import shutil

    from eventcore.record.cleaning import delete_run, finish
    from eventcore.record.store import opened

    store = opened(location, create=False)
    found = []
    try:
        with store.backend.reported():
            finish(store)
        for run in chosen:
            if not delete_run(store, run):
                click.echo(f"kept     {plain(run.run_id)}: an engine has taken it up", err=True)
                continue
            found_logs = _logs(run, location) if logs else []
            for path in found_logs:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            _say("deleted", run, found_logs)
            found.append(run)
    finally:
        store.close()
    return found


def _say(what: str, run: RunView, found_logs: list[Path]) -> None:
    from datetime import datetime

    since = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M:%S")
    logs = f", with its logs in {' and '.join(map(str, found_logs))}" if found_logs else ""
    click.echo(f"{what}  {plain(run.run_id)}  {plain(run.program)}  {run.state}, started {since}{logs}")


def _say_spared(runs: list[RunView]) -> None:
    states = " or ".join(sorted({run.state for run in runs}))
    told, them = ("run that is", "it") if len(runs) == 1 else ("runs that are", "them")
    click.echo(f"kept     {len(runs)} {told} {states}; to delete {them}, too, add --pending", err=True)


def _logs(run: RunView, location: str) -> list[Path]:
    """The folder of the run's step logs, and the files of its engines in the background, where they are there."""
    from glob import escape

    from eventcore.act.steplog import LogFolder
    from eventcore.record.registry import backend_of
    from sequent.cli.background import LOG_END, log_name, log_stem

    file, logdir = backend_of(location).file, run.origin.get("logdir")
    beside = [] if file is None else [file.absolute().parent]
    start = log_name(log_stem(run.program, file), run.run_id, "")
    found = []
    if isinstance(logdir, str):
        folder = Path(LogFolder(logdir, run.program, run.run_id).path)
        found += [folder] if os.access(folder, os.W_OK) else []
        beside.append(Path(logdir).absolute())
    logs = (path for where in dict.fromkeys(beside) for path in sorted(where.glob(f"{escape(start)}*")))
    return [*found, *(path for path in logs if re.fullmatch(LOG_END, path.name.removeprefix(start)))]
