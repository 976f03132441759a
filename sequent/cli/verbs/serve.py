"""`sequent serve`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import store_option, target_argument

if TYPE_CHECKING:
    from pathlib import Path

    from visual.page.engines import Engines
    from visual.page.stores import Stores


@click.command("serve")
@target_argument
@store_option
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port; default: a free one.")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in the browser.")
def command(target: str, store: str | None, port: int, is_opened: bool) -> int:
    """Serve a page that shows the runs of TARGET as they happen, until Ctrl-C; of a folder, those of all its stores.

    From the page, runs can be steered, recovered and rerun, and the programs that TARGET knows can be started. It is
    served on loopback, to anyone who has the token in the printed address.
    """
    try:
        from visual.page.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in ("visual", "eventcore"):
            raise
        raise click.UsageError(
            f"serve needs {error.name}, which is not installed; run: pip install 'sequent-flow[live]'"
        ) from None
    from sequent.cli.chosen import folder_at

    folder = None if store is not None else folder_at(target)
    if folder is not None:
        stores, engines = _of_folder(folder.absolute())
        if not stores.all():
            click.echo(f"sequent: nothing to serve: folder {target} has no store", err=True)
            return EXIT_NOTHING
        what = target
    else:
        stores, engines = _of_program(target, store)
        what = stores.at(1)
    with suppress(KeyboardInterrupt):
        serve(stores, engines, port, lambda address: _tell(what, address, is_opened=is_opened))
    return 0


def _of_folder(folder: Path) -> tuple[Stores, Engines]:
    """The stores in a folder, whenever they appear there, and the programs that those record that are there now."""
    from sequent.cli.chosen import stores_in
    from sequent.cli.launcher import Launcher, known_programs
    from visual.page.stores import Stores

    return Stores(lambda: stores_in(folder), str(folder)), Launcher(known_programs(stores_in(folder)))


def _of_program(text: str, store: str | None) -> tuple[Stores, Engines]:
    """One store, and the programs that it records, with the target's own; it may have to be made yet."""
    import time

    from eventcore.record.reading import reading
    from eventcore.record.registry import shared_backend
    from sequent.cli.chosen import chosen_store
    from sequent.cli.launcher import Launcher, known_programs
    from sequent.cli.target import as_recorded, parse_target
    from visual.page.stores import Stores

    target = parse_target(text, or_folder=store is None)
    location = chosen_store(target, store)
    file = shared_backend(location).file
    if target.store is not None or file is None or file.exists():
        with reading(location) as reader:
            reader.runs(time.time())
    if file is not None and "://" not in location:
        location = str(file.absolute())
    named = None if target.store is not None else as_recorded(target)
    return Stores(lambda: [location]), Launcher(known_programs([location], named))


def _tell(what: str, address: str, *, is_opened: bool) -> None:
    import webbrowser

    click.echo(f"serving {what} at {address}")
    click.echo(
        "Keep the address to yourself: whoever has it can start and steer runs. Ctrl-C ends the server, not the runs."
    )
    if is_opened:
        webbrowser.open(address)
