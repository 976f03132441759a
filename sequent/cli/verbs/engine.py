"""`sequent engine`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from sequent.cli.options import files, unseen_store


@click.command("engine")
@click.argument("target", metavar="[TARGET]", required=False, shell_complete=files, callback=unseen_store)
@click.option("--store", metavar="STORE", callback=unseen_store,
              help="A path, a URL or a tag of TARGET's config; -: read it from standard input.")  # fmt: skip
@click.option("--programs", metavar="NAME", multiple=True, help="Only runs of this program; can be repeated.")
@click.option("--slots", type=click.IntRange(min=1), metavar="N", help="Runs at a time; default: one for each core.")
@click.option("--once", is_flag=True, help="End when there is nothing left to do.")
def command(target: str | None, store: str | None, programs: Sequence[str], slots: int | None, once: bool) -> int:
    """Work off the runs that are submitted to a store, each in a process of its own, until SIGTERM.

    The store is the one that --store names, or TARGET's. Whatever TARGET is, runs of all programs are taken up.

    Any number of engines may work off the runs of one store. SIGTERM lets the runs in progress end and takes up no new
    ones; SIGINT, or another SIGTERM, interrupts them, and other engines adopt them.
    """
    from sequent.cli.engine_loop import EngineLoop

    return EngineLoop(_location(target, store), programs, slots or cores(), once=once).run()


def _location(target: str | None, store: str | None) -> str:
    from pathlib import Path

    from eventcore.record.location import may_be_tag
    from sequent.cli.chosen import chosen_store
    from sequent.cli.target import parse_target

    if target is not None:
        return chosen_store(parse_target(target), store)
    if store is None:
        raise click.UsageError("name the store: --store with its path or URL, or a program that keeps its runs there")
    if may_be_tag(store) and not Path(store).exists():
        raise click.UsageError(
            f"there is no store at {store}; if it is a tag of a configuration, name a program that has it: "
            f"sequent engine FILE.py --store {store}; for a new store in a file, write ./{store}"
        )
    return store


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
