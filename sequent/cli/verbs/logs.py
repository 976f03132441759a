"""`sequent logs`: each log under a heading; with `--follow`, the output of running steps as it is written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from eventcore.define.plain import plain
from sequent.cli.exit_codes import EXIT_NOTHING
from sequent.cli.options import json_option, path_argument, run_id_option, store_option, target_argument

if TYPE_CHECKING:
    from pathlib import Path

    from eventcore.record.reading import Reader
    from eventcore.record.views import RunView
    from sequent.cli.instances import Named
    from sequent.cli.tries import Try

CHUNK = 1 << 16  #: bytes of a log that are copied at once
LOOK = 0.2  #: seconds between looks at the files that are followed
ASK = 5  #: so many looks to one at the store


@click.command("logs")
@target_argument
@path_argument("path", "[PATH[@SEQ]]", required=False)
@store_option
@run_id_option
@click.option(
    "--try", "number", type=click.IntRange(min=1), metavar="N", help="Show only the Nth try of each instance."
)
@click.option("--failed", is_flag=True, help="Show only tries that failed, each with its traceback.")
@click.option("--follow", is_flag=True, help="Follow the output of running steps until they end.")
@click.option("--engine", is_flag=True, help="Show the engine's own log instead.")
@json_option
def command(target: str, path: str | None, store: str | None, run_id: str | None, number: int | None, failed: bool,
            follow: bool, engine: bool, as_json: bool) -> int:  # fmt: skip
    """Show what the steps of a run printed and logged: all of them, those inside PATH, or one instance, PATH@SEQ."""
    from sequent.cli.chosen import chosen_run

    if engine and (path is not None or number is not None or failed or follow):
        raise click.UsageError("--engine shows one log of the whole run; leave out PATH, --try, --failed and --follow")
    if follow and (as_json or failed):
        raise click.UsageError("--follow shows only new output; leave out --json and --failed")
    location, run_id = chosen_run(target, store, run_id)
    if engine:
        return _show_engine(location, run_id, as_json=as_json)
    if follow:
        return _follow(location, run_id, path, number)
    return _show(location, run_id, path, number, failed=failed, as_json=as_json)


def _show(location: str, run_id: str | None, path: str | None, number: int | None, *, failed: bool,
          as_json: bool) -> int:  # fmt: skip
    """Print the existing logs; returns the exit code."""
    from eventcore.record.reading import reading
    from sequent.cli.output import print_json
    from sequent.cli.tries import tries

    with reading(location) as reader:
        run = reader.run(run_id, time.time())
        found = tries(reader, run, _named(reader, run, path), number, failed=failed)
    if as_json:
        print_json([_data(one) for one in found])
    else:
        _print(found, tell_silent=path is not None, with_errors=failed)
    if not found:
        which = f" of {path}" if path is not None else ""
        kind = "failed" if failed else "has begun"
        hint = "" if failed else "; `sequent why` explains why"
        click.echo(f"sequent: no try{which} {kind} in run {plain(run.run_id)}{hint}", err=True)
        return EXIT_NOTHING
    return 0


def _show_engine(location: str, run_id: str | None, *, as_json: bool) -> int:
    """Print the engine's own log; returns the exit code."""
    from pathlib import Path

    from eventcore.record.reading import reading
    from sequent.cli.output import print_json
    from sequent.cli.tries import log_folder, readable_size

    with reading(location) as reader:
        run = reader.run(run_id, time.time())
    file = Path(log_folder(run).engine)
    size = readable_size(file)
    if as_json:
        print_json({"file": str(file), "text": file.read_text(encoding="utf-8", errors="replace") if size else ""})
    elif size:
        _copy(file, 0)
    if not size:
        why = "at its logging_level, the engine had nothing to say, or the file was deleted"
        click.echo(f"sequent: the engine of run {plain(run.run_id)} has no log {file}: {why}", err=True)
        return EXIT_NOTHING
    return 0


def _named(reader: Reader, run: RunView, text: str | None) -> Named | None:
    """The step or instance of the run that the text names, None where it is left out."""
    from sequent.cli.instances import named_instance
    from visual.outline import flat_outline_of

    if text is None:
        return None
    return named_instance(text, (node.path for node in flat_outline_of(reader.program(run))), run)


def _print_heading(one: Try) -> None:
    """Say whose log follows."""
    click.echo(click.style(f"==> {one.heading} <==", bold=True))


def _copy(log: Path, start: int) -> int:
    """Print a log from a place on; returns the place behind it."""
    with log.open("rb") as file:
        file.seek(start)
        while data := file.read(CHUNK):
            click.echo(data, nl=False)
        return file.tell()


def _print(found: Sequence[Try], *, tell_silent: bool, with_errors: bool) -> None:
    silent = [one for one in found if not one.size and not (with_errors and one.trouble)]
    for one in found:
        if one not in silent:
            _print_heading(one)
        if one.size:
            _copy(one.file, 0)
        if with_errors and one.trouble:
            click.echo(one.trouble)
    for one in silent if tell_silent and len(silent) <= 20 else ():
        click.echo(f"{one.heading} wrote nothing: there is no {one.file}", err=True)
    if silent and not (tell_silent and len(silent) <= 20):
        click.echo(f"{len(silent)} of {len(found)} tries wrote nothing", err=True)


def _data(one: Try) -> dict[str, Any]:
    text = one.file.read_text(encoding="utf-8", errors="replace") if one.size else ""
    return {
        "path": one.path, "sequence": one.sequence, "recovery": one.recovery, "try": one.number,
        "status": one.status.value, "file": str(one.file), "text": text,
        "items": one.items, "error": one.error, "traceback": one.traceback,
    }  # fmt: skip


def _follow(location: str, run_id: str | None, path: str | None, number: int | None) -> int:
    """Print what running tries say until those that were asked for are over; returns the exit code."""
    from eventcore.define.status import TaskStatus
    from eventcore.record.reading import reading
    from sequent.cli.tries import tries

    places: dict[Path, int] = {}
    shown: Path | None = None
    first, look = True, 0
    while True:
        if look % ASK == 0:
            with reading(location) as reader:
                run = reader.run(run_id, time.time())
                named = _named(reader, run, path)
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
                    _print_heading(one)
                places[one.file], shown = _copy(one.file, places.get(one.file, 0)), one.file
        if over:
            return _farewell(run, path, found, said=shown is not None)
        time.sleep(LOOK)


def _is_over(reader: Reader, run: RunView, named: Named | None, found: list[Try]) -> bool:
    """Whether the named instance, or all of the named step that there will be, has ended."""
    from visual.outline import outline_of

    if named is None:
        return False
    program = reader.program(run)
    if not program.is_flow:
        return bool(found) and all(one.status.is_over for one in found)
    top, node = next((top, node) for top in outline_of(program) for node in top.walk() if node.path == named.path)
    step, sequence = (top.step.name, "1") if named.sequence is None else (node.kernel_name, named.sequence)
    instances = reader.instances(run, step=step, sequence=sequence, limit=1)
    return bool(instances) and instances[0].recovery == run.recovery and instances[0].status.is_over


def _farewell(run: RunView, path: str | None, found: list[Try], *, said: bool) -> int:
    whose = path or f"run {plain(run.run_id)}"
    if not found:
        click.echo(
            f"sequent: {whose}: nothing has begun and no engine is at work; `sequent why` explains why", err=True
        )
        return EXIT_NOTHING
    if not said:
        click.echo(f"{whose} wrote nothing", err=True)
    return 0
