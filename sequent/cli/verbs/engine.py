"""`sequent engine`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from sequent.cli.options import unseen_store


@click.command("engine")
@click.option("--store", metavar="STORE", required=True, callback=unseen_store,
              help="The path or URL of the store; -: read it from standard input.")  # fmt: skip
@click.option("--programs", metavar="NAME", multiple=True, help="Only runs of this program; can be repeated.")
@click.option("--slots", type=click.IntRange(min=1), metavar="N", help="Runs at a time; default: one for each core.")
@click.option("--once", is_flag=True, help="End when there is nothing left to do.")
def command(store: str, programs: Sequence[str], slots: int | None, once: bool) -> int:
    """Work off the runs that are submitted to STORE, each in a process of its own, until SIGTERM.

    Any number of engines may work off the runs of one store. SIGTERM lets the runs in progress end and takes up no new
    ones; SIGINT, or another SIGTERM, interrupts them, and other engines adopt them.
    """
    from sequent.cli.engine_loop import EngineLoop

    return EngineLoop(store, programs, slots or cores(), once=once).run()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
