"""`sequent runs`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from eventcore.record.views import RunView
from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import all_users_option, json_option, store_option, target_argument


@click.command("runs")
@target_argument
@store_option
@all_users_option
@json_option
def command(target: str, store: str | None, all_users: bool, as_json: bool) -> int:
    """List your runs of TARGET, the latest first; those of all stores in it where TARGET is a folder."""
    from sequent.cli.chosen import chosen_store, folder_at
    from sequent.cli.output import print_json, run_data
    from sequent.cli.target import parse_target
    from sequent.cli.users import own, tell_others

    folder = None if store is not None else folder_at(target)
    if folder is not None:
        found, nothing = list(_in_folder(folder)), f"folder {target} has no store with runs"
    else:
        location = chosen_store(parse_target(target, or_folder=store is None), store)
        found, nothing = list(_in_store(location)), f"store {location} has no runs"
    every = [one.run for one in found]
    if not all_users:
        mine = {id(run) for run in own(every)}
        found = [one for one in found if id(one.run) in mine]
    if as_json:
        print_json([run_data(one.run, one.store, *one.outstanding) for one in found])
    elif found:
        _print_table(found, with_stores=folder is not None)
    else:
        click.echo(f"{nothing} of yours" if every else nothing, err=True)
    if not all_users:
        tell_others(every)
    return 0 if found else EXIT_NOTHING


class Found(msgspec.Struct, frozen=True):
    """A run, and where it was found."""

    run: RunView
    store: str
    outstanding: tuple[int, float | None]


def _in_store(location: str) -> Iterator[Found]:
    import time

    from eventcore.record.reading import reading

    with reading(location) as reader:
        for run in reader.runs(time.time()):
            yield Found(run, location, reader.outstanding(run))


def _in_folder(folder: Path) -> Iterator[Found]:
    """The runs of all stores in a folder; a database that is no store is named in a line."""
    from eventcore.errors import StoreError
    from sequent.cli.chosen import stores_in

    found: list[Found] = []
    for location in stores_in(folder):
        try:
            found += _in_store(location)
        except StoreError as error:
            click.echo(f"sequent: left out: {error}", err=True)
    yield from sorted(found, key=lambda one: one.run.started, reverse=True)


def _print_table(found: Sequence[Found], *, with_stores: bool) -> None:
    """The runs, one a line, with their users where they are of several, and their parameters where they have some."""
    from datetime import datetime

    from rich.markup import escape
    from rich.table import Table

    from eventcore.define.plain import plain
    from sequent.cli.output import print_table
    from visual.live.tree import STYLES
    from visual.standing import duration

    table = Table(box=None, pad_edge=False)
    runs = [one.run for one in found]
    of_several = len({run.user for run in runs}) > 1
    whose = ["user"] if of_several else []
    with_parameters = ["parameters"] if any(run.parameters for run in runs) else []
    stores = ["store"] if with_stores else []
    for heading in (
        "run", *stores, *whose, "program", "state", "recovery", "started", "took", "outstanding", *with_parameters,
    ):  # fmt: skip
        table.add_column(heading, no_wrap=True)
    for one in found:
        run, where = one.run, [Path(one.store).name] if with_stores else []
        took = "" if run.ended is None else duration(run.ended - run.started)
        started = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M:%S")
        state = f"[{STYLES.get(run.state, 'yellow')}]{run.state}[/]"
        whose = [run.user] if of_several else []
        given = [" ".join(f"{name}={value}" for name, value in run.parameters.items())] if with_parameters else []
        left = str(one.outstanding[0])
        named = [escape(plain(name)) for name in (run.run_id, *where, *whose, run.program)]
        table.add_row(*named, state, str(run.recovery), started, took, left, *(escape(plain(one)) for one in given))
    print_table(table)
