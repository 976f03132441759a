"""`logs --follow`: what running steps say, as they say it."""

from __future__ import annotations

import time
from pathlib import Path

import click

from eventcore.define.status import TaskStatus
from eventcore.record.reading import Reader, RunView, reading
from sequent.cli.instances import Named
from sequent.cli.main import EXIT_NOTHING
from sequent.cli.showing_logs import copy, named_in, print_heading
from sequent.cli.steplogs import Try, tries
from visual.outline import outline_of

LOOK = 0.2  #: seconds between looks at the files
ASK = 5  #: so many looks to one at the store


def follow_logs(location: str, run_id: str | None, path: str | None, number: int | None) -> int:
    """Print what running tries say until those that were asked for are over; returns the exit code."""
    places: dict[Path, int] = {}
    shown: Path | None = None
    first, look = True, 0
    while True:
        if look % ASK == 0:
            with reading(location) as reader:
                run = reader.run(run_id, time.time())
                named = named_in(reader, run, path)
                found = tries(reader, run, named, number, failed=False)
                over = not run.is_held or _is_over(reader, run, named, found)
            run_id = run.run_id
            for one in found if first and not over else ():
                if one.status is not TaskStatus.active:
                    places[one.file] = one.size
            first = False
        look += 1
        for one in found:
            if one.size > places.get(one.file, 0):
                if shown != one.file:
                    print_heading(one)
                places[one.file], shown = copy(one, places.get(one.file, 0)), one.file
        if over:
            return _farewell(run, path, found, said=shown is not None)
        time.sleep(LOOK)


def _is_over(reader: Reader, run: RunView, named: Named | None, found: list[Try]) -> bool:
    """Whether the named instance, or all of the named step that there will be, has ended."""
    if named is None:
        return False
    if reader.document(run)["outline"] is None:
        return bool(found) and all(one.status.is_over for one in found)
    steps = {node.path: node.kernel_name for top in outline_of(reader.document(run)) for node in top.walk()}
    top = named.path.partition("/")[0]
    kernel, sequence = (top, "1") if named.sequence is None else (steps[named.path], named.sequence)
    instances = reader.instances(run, step=kernel, sequence=sequence, limit=1)
    return bool(instances) and instances[0].recovery == run.recovery and instances[0].status.is_over


def _farewell(run: RunView, path: str | None, found: list[Try], *, said: bool) -> int:
    whose = path or f"run {run.run_id}"
    if not found:
        click.echo(f"sequent: {whose}: nothing has begun and no engine is at work; `sequent why` tells why", err=True)
        return EXIT_NOTHING
    if not said:
        click.echo(f"{whose} said nothing", err=True)
    return 0
