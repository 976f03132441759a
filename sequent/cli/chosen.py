"""Which store a command is about, and which run in it."""

from __future__ import annotations

import time
from pathlib import Path

from eventcore.record.identity import user
from eventcore.record.location import store_location
from eventcore.record.reading import reading
from eventcore.run.runner import Runner
from sequent.cli.parameters import MissingParameterError, TargetError
from sequent.cli.target import Target, as_recorded, load_program, parse_target, store_beside


def chosen_store(target: Target, named: str | None) -> str:
    """The store to read: the one that is named, by path or by a tag of the program's config, or the target's own."""
    if named is not None:
        is_tag = target.store is None and not Path(named).exists() and named.isidentifier()
        return store_location(named, _program(target).config.DATABASE, None) if is_tag else named
    if target.store is not None:
        return str(target.store)
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
        begun = [run for run in reader.runs(now) if run.origin.get("target") == as_recorded(target)]
        latest = next((run for run in begun if run.user == user()), begun[0] if begun else None)
        return location, reader.run(None, now, _program(target).name if latest is None else latest.program).run_id


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
