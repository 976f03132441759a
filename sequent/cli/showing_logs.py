"""What `logs` prints: each log under a heading, and who said nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from eventcore.record.reading import Reader, RunView, reading
from sequent.cli.instances import Named, named_instance
from sequent.cli.main import EXIT_NOTHING
from sequent.cli.showing import print_json
from sequent.cli.steplogs import Try, tries
from visual.outline import outline_of

CHUNK = 1 << 16


def show_logs(location: str, run_id: str | None, path: str | None, number: int | None, *, failed: bool,
              as_json: bool) -> int:  # fmt: skip
    """Print the logs there are; returns the exit code."""
    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        named = named_in(reader, run, path)
        found = tries(reader, run, named, number, failed=failed)
    if as_json:
        print_json([_data(one) for one in found])
    else:
        _print(found, tell_silent=path is not None)
    if not found:
        which = f" of {path}" if path is not None else ""
        kind = "failed" if failed else "has begun"
        click.echo(f"sequent: no try{which} {kind} in run {run.run_id}; `sequent why` tells why", err=True)
        return EXIT_NOTHING
    return 0


def named_in(reader: Reader, run: RunView, text: str | None) -> Named | None:
    """The step or instance of the run that the text names, None where it is left out."""
    if text is None:
        return None
    nodes = outline_of(reader.document(run))
    return named_instance(text, (node.path for top in nodes for node in top.walk()), run)


def print_heading(one: Try) -> None:
    """Say whose log follows."""
    click.echo(click.style(f"==> {one.heading} <==", bold=True))


def copy(one: Try, start: int) -> int:
    """Print the log from a place on; returns the place behind it."""
    with one.file.open("rb") as file:
        file.seek(start)
        while data := file.read(CHUNK):
            click.echo(data, nl=False)
        return file.tell()


def _print(found: Sequence[Try], *, tell_silent: bool) -> None:
    silent = [one for one in found if not one.size]
    for one in found:
        if one.size:
            print_heading(one)
            copy(one, 0)
    for one in silent if tell_silent and len(silent) <= 20 else ():
        click.echo(f"{one.heading} said nothing: there is no {one.file}", err=True)
    if silent and not (tell_silent and len(silent) <= 20):
        click.echo(f"{len(silent)} of {len(found)} tries said nothing", err=True)


def _data(one: Try) -> dict[str, Any]:
    text = one.file.read_text(encoding="utf-8", errors="replace") if one.size else ""
    return {
        "path": one.path, "sequence": one.sequence, "recovery": one.recovery, "try": one.number,
        "status": one.status.value, "file": str(one.file), "text": text,
    }  # fmt: skip
