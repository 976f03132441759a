"""Which store a command is about, and which run in it."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from eventcore.errors import EventcoreError
from eventcore.record.identity import user
from eventcore.record.location import may_be_tag, store_location
from eventcore.record.reading import Reader, reading
from eventcore.record.views import RunView
from eventcore.run.runner import Runner
from sequent.cli.parameters import MissingParameterError, TargetError
from sequent.cli.target import Target, as_recorded, load_program, parse_target, store_beside


def chosen_store(target: Target, named: str | None) -> str:
    """The store to read: the one that is named, by path or by a tag of the program's config, or the target's own."""
    if named is not None:
        is_tag = target.store is None and may_be_tag(named)
        return store_location(named, _program(target).config.DATABASE, None) if is_tag else named
    if target.store is not None:
        return target.store
    if target.file is not None and (beside := store_beside(target.file)).is_file():
        return str(beside)
    return _program(target).store


def chosen_run(text: str, store: str | None, run_id: str | None) -> tuple[str, str | None]:
    """The store to read, and the id of the run that is named; None for the user's latest run.

    Where the target names one program of a file or a module, the run is the user's latest of that program: others may
    keep their runs in the same store.
    """
    target = parse_target(text)
    location = chosen_store(target, store)
    if run_id is not None or target.name is None:
        return location, run_id
    now = time.time()
    with reading(location) as reader:
        latest = _latest(reader, target, now)
        return location, reader.run(None, now, _program(target).name if latest is None else latest.program).run_id


def parameters_of_run(target: Target, location: str | None, run_id: str | None,
                      program: str | None = None) -> dict[str, str]:  # fmt: skip
    """What the function that builds the flow was called with for a run; nothing where another target built it.

    The run is the named one, or the user's latest of the program; as long as that is not known, of the target.
    """
    if location is None:
        return {}
    now = time.time()
    with suppress(EventcoreError), reading(location) as reader:
        is_known = run_id is not None or program is not None
        run = reader.run(run_id, now, program) if is_known else _latest(reader, target, now)
        if run is not None and run.origin.get("target") == as_recorded(target):
            return run.parameters
    return {}


def _latest(reader: Reader, target: Target, now: float) -> RunView | None:
    """The user's latest run of the target, else the latest of others."""
    begun = [run for run in reader.runs(now) if run.origin.get("target") == as_recorded(target)]
    return next((run for run in begun if run.user == user()), begun[0] if begun else None)


def folder_at(text: str) -> Path | None:
    """The folder that the text names; None where there is none, or where it cannot be the path of one."""
    with suppress(OSError):
        if (folder := Path(text)).is_dir():
            return folder
    return None


def stores_in(folder: Path) -> list[str]:
    """The databases that lie in a folder, by name."""
    return [str(file) for file in sorted(folder.glob("*.db")) if file.is_file()]


def _program(target: Target) -> Runner:
    try:
        return load_program(target, {})
    except MissingParameterError:
        raise TargetError(
            f"{target.text} needs parameters to build its flow; name the store of its runs instead"
        ) from None
