"""`--all` of `continue` and `recover`: every run of a program that they can serve."""

from __future__ import annotations

from typing import Any

import click

from eventcore.define.plain import plain
from eventcore.define.status import RunMode
from eventcore.errors import EventcoreError
from sequent.cli.chosen import chosen_store
from sequent.cli.execution import run_program
from sequent.cli.exit_codes import EXIT_FAILED, EXIT_NOTHING, EXIT_USAGE
from sequent.cli.target import is_of_a_program, last_words, parse_target
from sequent.cli.unfinished import SERVED, own_runs


def run_every(mode: RunMode, target: str, store: str | None, run_id: str | None, detach: bool, **options: Any) -> int:
    """Serve your runs of the target one after the other, the oldest first; returns the worst exit code."""
    if run_id is not None or detach:
        raise click.UsageError("--all takes one run after the other; leave out --run-id and --detach")
    location = chosen_store(parse_target(target), store)
    found = [run for run in own_runs(target, location) if run.state in SERVED[mode]]
    if not found:
        if options["quiet"] < 2:
            click.echo(f"sequent: nothing to {mode.value}: no run in {location} is {_either(SERVED[mode])}", err=True)
        return EXIT_NOTHING
    codes = {0}
    for run in found:
        try:
            codes.add(run_program(mode, target=target, store=store, run_id=run.run_id, **options))
        except EventcoreError as error:
            _tell(run.run_id, str(error))
            codes.add(EXIT_USAGE)
        except SystemExit as error:
            if not is_of_a_program(error):
                raise
            _tell(run.run_id, last_words(error))
            codes.add(EXIT_FAILED)
    return next(code for code in (EXIT_FAILED, EXIT_USAGE, 0) if code in codes)


def _tell(run_id: str, wrong: str) -> None:
    click.echo(f"sequent: run {plain(run_id)}: {plain(' '.join(wrong.split()))}", err=True)


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
