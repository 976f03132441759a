"""A recovery foretold: what would run again, what would be skipped, how the program has changed.

Nothing is written, and no lease is taken, so a run can be looked at while an engine works on it.
"""

from __future__ import annotations

import msgspec

from eventcore.decide.forecast import StepForecast, forecast
from eventcore.decide.plan import Plan
from eventcore.decide.rerunning import Rerun, amended
from eventcore.define.differences import Differences, differences
from eventcore.define.stored import read
from eventcore.record.archive import StoreArchive
from eventcore.record.history import read_history
from eventcore.record.requests import triggered
from eventcore.run.request import counted
from eventcore.run.runner import Runner


class Rehearsal(msgspec.Struct, frozen=True):
    """What a recovery would do."""

    run_id: str
    recovery: int  #: the number that it would have
    document: str
    differences: Differences
    refused: tuple[str, ...]  #: steps with history that the program no longer has: they need `accept_removed`
    steps: dict[str, StepForecast]  #: by the kernel's name
    not_computed: list[tuple[str, str]]  #: loops whose items are not known yet: path and sequence


def rehearse(
    runner: Runner, run_id: str = "", recovery_run: int | None = None, rerun: Rerun | None = None
) -> Rehearsal:
    """Tell what recovering the named run, or the user's latest of the program, would do.

    `rerun` names what is to run again although it succeeded. Raises `RunNotFoundError`, `ProgramError`, and
    `ConfigError` for a `recovery_run` that the run does not have.
    """
    built, document = runner.built(), runner.document
    store = runner._open(create=False)
    try:
        row = store.find_run(runner.name, run_id)
        changed = differences(read(store.document(row, row.recovery)), read(document))
        gone = store.has_history(row, list(changed.removed)) if changed.removed else []
        plan = Plan(built.program, runner.config)
        upto = counted(row, recovery_run)
        archive = StoreArchive(store, msgspec.structs.replace(row, recovery=row.recovery + 1), upto)
        history = read_history(store.connection, row, upto, walk_all=True)
        amended_history = history if rerun is None else amended(plan, history, archive, rerun)
        starts = [*built.starts, *built.program.recorded(triggered(store.connection, row.id, upto))]
        told = forecast(plan, amended_history, archive, starts, history)
    finally:
        runner._close_store(store)
    refused = tuple(changed.removed[name] for name in gone)
    return Rehearsal(row.run_id, row.recovery + 1, document, changed, refused, told.steps, told.not_computed)
