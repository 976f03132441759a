"""Submitting a program: its run is recorded, for an engine to begin, wherever one works off the store's runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing

from eventcore.act.system_clock import SystemClock
from eventcore.define.status import RunMode
from eventcore.errors import ProgramError
from eventcore.run.origin import Origin
from eventcore.run.request import Request
from eventcore.run.runner import Runner
from eventcore.run.waiting import Released

KEPT_APART = ("DATABASE",)  #: settings that are not recorded: the run is in its store, and it may have passwords


def submit(program: Runner, run_id: str | None = None, settings: Mapping[str, object] = {}) -> str:
    """Record a new run of the program, and wake the engines of this host; returns the run's id.

    Engines load the program from where it is written, and set the settings. Raises `ProgramError` for one that is
    written where no other process finds it, or that the store cannot keep, `RunExistsError` and other `StoreError`s.
    """
    from eventcore.record import engines
    from eventcore.record.database import reported
    from eventcore.record.lengths import check_lengths
    from eventcore.record.registry import shared_backend
    from eventcore.record.store import opened

    backend = shared_backend(program.store)
    location = backend.location
    source = _source(program.name, program._origin, program.config.logdir, settings)
    document, built = program.document, program.built()
    request = Request.first(RunMode.restart, run_id, None, False)
    check_lengths(backend, built.program, request.run_id, built.starts)
    with reported(location), closing(opened(location, program.config.durability)) as store:
        store.submit_run(request.run_id, program.name, source, document, SystemClock().now())
        engines.wake_all(store.connection)
    return request.run_id


def _source(name: str, origin: Origin, logdir: str, settings: Mapping[str, object]) -> str:
    """How an engine loads the program."""
    found = json.loads(origin.source(logdir))
    if "target" not in found:
        where = "in a notebook" if origin.notebook else "in no file"
        raise ProgramError(
            f"program {name!r} cannot be submitted: it is defined {where}, so that no engine could load it; define it "
            "in a Python file or a module, and submit that"
        )
    kept = {key: value for key, value in settings.items() if key not in KEPT_APART}
    if known := {**found.get("settings", {}), **kept}:
        found["settings"] = known
    return json.dumps(found)


def release(program: Runner) -> None:
    """Have the program's engine leave the run once nothing more can be done in it without waiting for long."""
    session = program._session
    if session is not None:
        session.tell(Released())
