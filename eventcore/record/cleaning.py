"""Deletes old runs while engines write to the same store.

A run is first withdrawn, in one short transaction: nobody can find or enter it from then on, and its row keeps its
number from being used again. Then its rows are deleted in small transactions, its own row last. The next cleaning
finishes what a killed one has left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, select, update
from sqlalchemy.exc import NoResultFound

from eventcore.errors import RunHeldError
from eventcore.record import lease
from eventcore.record import schema as t
from eventcore.record.database import reported, transaction
from eventcore.record.store import Store
from eventcore.record.views import RunView

UNFINISHED = ("submitted", "pending", "paused")  #: states of runs that are to go on, or to begin
BATCH = 2_000  #: rows of one transaction
HISTORY = [table for table in t.metadata.sorted_tables if "run" in table.c and table is not t.recoveries]


def disposable(runs: Iterable[RunView], before: float | None, keep: int | None) -> list[RunView]:
    """Those of the runs, which are given latest first, that may be deleted; never one that an engine holds.

    They ended, or if they did not, were last started, before a time (UTC in seconds), and are not among the `keep`
    latest of their program. A criterion that is None does not count.
    """
    found, seen = [], dict[str, int]()
    for run in runs:
        seen[run.program] = seen.get(run.program, 0) + 1
        is_old = before is None or (run.ended or run.started) < before
        is_beyond = keep is None or seen[run.program] > keep
        if is_old and is_beyond and not run.is_held:
            found.append(run)
    return found


def unfinished(runs: Iterable[RunView]) -> list[RunView]:
    """Those of the runs that are to go on, because delays are outstanding or a pause holds them up."""
    return [run for run in runs if run.state in UNFINISHED]


def delete_run(store: Store, run: RunView) -> bool:
    """Delete the run's rows and result files; False where an engine has taken it up in the meantime."""
    with reported(store.location):
        if not _withdraw(store, run):
            return False
        finish(store)
    return True


def finish(store: Store) -> None:
    """Delete what is left of runs that were withdrawn, and the programs that no run needs any more."""
    entered = select(t.recoveries.c.run)
    withdrawn = select(t.runs.c.id, t.runs.c.source).where(t.runs.c.id.not_in(entered))
    for number, source in store.connection.execute(withdrawn).all():
        store.backend.drop_results(json.loads(source)["deleted"])
        for table in HISTORY:
            for keys in _batches(store, table, number):
                _delete(store, table, keys)
        with transaction(store.connection) as connection:
            connection.execute(delete(t.runs).where(t.runs.c.id == number))
    _drop_programs(store)


def _drop_programs(store: Store) -> None:
    """Delete programs that no run needs. A run that is being made locks its own, which is passed by."""
    is_unused = t.programs.c.id.not_in(select(t.recoveries.c.program_id))
    with transaction(store.connection) as connection:
        query = select(t.programs.c.id).where(is_unused).limit(BATCH).with_for_update(skip_locked=True)
        found = list(connection.execute(query).scalars())
        if found:  # looked at again, as a run may have been made before they were locked
            connection.execute(delete(t.programs).where(t.programs.c.id.in_(found), is_unused))


def _withdraw(store: Store, run: RunView) -> bool:
    """Hide the run from everybody, and hold its lease for good; False if an engine has it."""
    holder = lease.this_engine()
    with transaction(store.connection) as connection:
        try:
            lease.take(connection, run.id, holder, float("1e12"), time.time())
        except (RunHeldError, NoResultFound):
            return False
        connection.execute(
            update(t.runs)
            .where(t.runs.c.id == run.id)
            .values(
                run_id=f"{holder.token} deleted", program="", source=json.dumps({"deleted": run.run_id}),
                holder_host="nowhere, for it is being deleted", holder_boot=None,
            )
        )  # fmt: skip
        connection.execute(delete(t.recoveries).where(t.recoveries.c.run == run.id))
    return True


def _batches(store: Store, table: Table, run: int) -> Iterator[Sequence[Any]]:
    query = select(*table.primary_key.columns).where(table.c.run == run).limit(BATCH)
    while keys := store.connection.execute(query).mappings().all():
        yield keys


def _delete(store: Store, table: Table, keys: Sequence[Any]) -> None:
    names = [column.name for column in table.primary_key.columns]
    one = delete(table).where(and_(*(table.c[name] == bindparam(f"b_{name}") for name in names)))
    with transaction(store.connection) as connection:
        connection.execute(one, [{f"b_{name}": key[name] for name in names} for key in keys])
