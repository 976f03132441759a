"""`sequent submit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sequent.cli.exit_codes import EXIT_FAILED
from sequent.cli.options import json_option, parameter_option, setting_option, store_option, target_argument

if TYPE_CHECKING:
    from eventcore.record.views import RunView

LOOK = 0.5  #: seconds between two looks whether the run is over


@click.command("submit")
@target_argument
@store_option
@parameter_option
@setting_option
@click.option("--run-id", metavar="ID", help="The id of the new run; default: made from the time.")
@click.option("--wait", "is_awaited", is_flag=True, help="Return when the run is over; the exit code is the run's.")
@json_option
def command(target: str, store: str | None, parameters: Sequence[str], settings: Sequence[str], run_id: str | None,
            is_awaited: bool, as_json: bool) -> int:  # fmt: skip
    """Submit a new run of TARGET to the engines that `sequent engine` has started on its store; print its id.

    An engine loads the program from where TARGET is: a file from the same path on its own host, a module by import.
    """
    from eventcore.define.status import RunMode
    from eventcore.run.submitting import submit
    from sequent.cli.execution import program_for, settings_of
    from sequent.cli.target import parse_target

    program = program_for(RunMode.restart, target, store, None, settings, parameters)
    made = submit(program, run_id, settings_of(settings))
    if not as_json:
        _tell(program.store, made, None if parse_target(target).store else target)
    run = _ended(program.store, made) if is_awaited else None
    if as_json:
        _print(program.store, made)
    elif run is not None:
        from sequent.cli.summary import tell_end

        tell_end(program.store, made)
    return 0 if run is None or run.verdict.value == "success" else EXIT_FAILED


def _tell(location: str, run_id: str, target: str | None) -> None:
    """Print the run's id alone, for programs, and for people what to do with it."""
    import time

    from eventcore.record import engines
    from eventcore.record.reading import reading
    from eventcore.run.next_action import reference, stored_at

    click.echo(run_id)
    with reading(location) as reader:
        living = engines.living(reader.connection, time.time())
    if not living:
        click.echo(
            "sequent: no engine works off the runs of this store yet; to start one, run: sequent engine "
            f"{at if ' --store ' in (at := stored_at(location, target)) else f'--store {at}'}",
            err=True,
        )
    click.echo(f"sequent: watch it: sequent watch {reference(location, run_id, target)}", err=True)


def _ended(location: str, run_id: str) -> RunView:
    """The run once it is over, however many engines that takes."""
    import time

    from eventcore.record.reading import reading
    from eventcore.run.next_action import reference

    try:
        while True:
            with reading(location) as reader:
                run = reader.run(run_id, time.time())
            if not run.verdict.is_open:
                return run
            time.sleep(LOOK)
    except KeyboardInterrupt:
        this = reference(location, run_id)
        click.echo(f"sequent: stopped waiting; the run stays submitted: sequent watch {this}", err=True)
        raise click.exceptions.Exit(EXIT_FAILED) from None


def _print(location: str, run_id: str) -> None:
    import time

    from eventcore.record.reading import reading
    from sequent.cli.output import print_json, run_data

    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        print_json(run_data(run, location, *reader.outstanding(run)))
