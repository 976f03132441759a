"""Submitted runs that wait for an engine: which ones there are, and how an engine claims one.

A claim is the run's lease, taken by the engine for the process that is to work on the run. That process takes it over,
see `eventcore.record.lease.hand_over`; if it cannot, the engine gives it back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, select, true, update

from eventcore.define.answer import RequestStatus
from eventcore.define.status import Verdict
from eventcore.record import lease
from eventcore.record.backend import backend_at
from eventcore.record.database import transaction
from eventcore.record.pausing import last_word, open_cancel
from eventcore.record.schema import recoveries, requests, runs
from eventcore.record.verbs import PAUSE, RERUN

PAGE = 200  #: runs that are read at a time

OPEN = (Verdict.submitted, Verdict.running, Verdict.pending)


class Waiting(msgspec.Struct, frozen=True):
    """A submitted run that waits for an engine."""

    id: int
    run_id: str
    program: str
    source: str | None  #: how its program is loaded
    document: int  #: the number of its program as data
    verdict: Verdict
    rerun: int | None = None  #: the request for a rerun that it waits with, of a run that is over


def waiting(connection: Connection, now: float, programs: Collection[str] = ()) -> Iterator[Waiting]:
    """The submitted runs, of programs if some are named, that no engine works on although they want one.

    First those that are over and have a request for a rerun; then, the oldest first, those that have not begun, and
    those that another engine has left or died over. A paused one wants none.
    """
    times = backend_at(connection).lease_times(connection, now)
    for row in chain(_rows(connection, _is_to_rerun()), _open_rows(connection)):
        if (not programs or row.program in programs) and not lease.is_held(row, *times) and _wants_an_engine(row):
            verdict = Verdict(row.verdict)
            rerun = None if verdict.is_open else row.open_rerun
            yield Waiting(row.id, row.run_id, row.program, row.source, row.program_id, verdict, rerun)


def claim(connection: Connection, run: Waiting, holder: lease.Holder, term: float, now: float) -> bool:
    """Take the run's lease for an engine; False where another one was faster, or the run wants none any more."""
    with transaction(connection):
        free = select(runs.c.id).where(runs.c.id == run.id).with_for_update(skip_locked=True)
        if connection.execute(free).first() is None:
            return False
        row = next(iter(_rows(connection, runs.c.id == run.id)), None)
        if row is None or lease.is_held(row, *backend_at(connection).lease_times(connection, now)):
            return False
        is_same = row.program_id == run.document and row.source == run.source
        is_wanted = _is_still_open(row) and _wants_an_engine(row)
        if not (is_same and is_wanted):
            return False
        lease.take(connection, run.id, holder, term, now)
    return True


def renew(connection: Connection, holder: lease.Holder, now: float) -> None:
    """Keep the claims of an engine, as long as its processes load their programs."""
    backend = backend_at(connection)
    mine = update(runs).where(runs.c.holder == holder.token)
    with transaction(connection):
        connection.execute(
            mine.values(heartbeat=backend.lease_clock(now), heartbeat_since_boot=lease.since_boot(backend))
        )


def give_back(connection: Connection, run: int, holder: lease.Holder) -> None:
    """Leave a claimed run to others, unless its process has taken it over."""
    with transaction(connection):
        lease.give_up(connection, run, holder)


def _is_open() -> ColumnElement[bool]:
    return recoveries.c.verdict.in_([verdict.value for verdict in OPEN]) & runs.c.submitted.is_(true())


def _is_to_rerun() -> ColumnElement[bool]:
    asked = select(requests.c.run).where(requests.c.verb == RERUN, requests.c.status == RequestStatus.taken.value)
    is_over = recoveries.c.verdict.not_in([verdict.value for verdict in OPEN])
    return runs.c.id.in_(asked.where(requests.c.recovery.is_(None))) & runs.c.submitted.is_(true()) & is_over


def _open_rows(connection: Connection) -> Iterator[Row[Any]]:
    """Page by page, as an engine wants the first few of what may be many."""
    last = 0
    while rows := _rows(connection, _is_open() & (runs.c.id > last), PAGE):
        yield from rows
        last = rows[-1].id


def _rows(connection: Connection, wanted: ColumnElement[bool], most: int | None = None) -> list[Row[Any]]:
    open_rerun = select(requests.c.id).where(
        requests.c.run == runs.c.id, requests.c.verb == RERUN, requests.c.status == RequestStatus.taken.value,
        requests.c.recovery.is_(None),
    )  # fmt: skip
    query = select(
        runs, recoveries.c.verdict, recoveries.c.report, recoveries.c.program_id,
        last_word(runs.c.id).scalar_subquery().label("last_word"),
        open_cancel(runs.c.id).scalar_subquery().label("open_cancel"),
        open_rerun.order_by(requests.c.id).limit(1).scalar_subquery().label("open_rerun"),
    ).join(recoveries, (recoveries.c.run == runs.c.id) & (recoveries.c.recovery == runs.c.recovery))  # fmt: skip
    return list(connection.execute(query.where(wanted).order_by(runs.c.id).limit(most)))


def _is_still_open(row: Row[Any]) -> bool:
    return Verdict(row.verdict).is_open or row.open_rerun is not None


def _wants_an_engine(row: Row[Any]) -> bool:
    """Whether an engine would have something to do: not where the run is paused, or has left out what it reached."""
    if row.last_word == PAUSE and row.open_cancel is None and Verdict(row.verdict).is_open:
        return False
    said = json.loads(row.report) if row.report else {}
    is_left = row.verdict == Verdict.pending.value and said.get("held_back") and said.get("next_due") is None
    return not is_left or row.open_rerun is not None
