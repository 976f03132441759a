"""Reruns: requests that a recovery of their own carries out.

One that is made while an engine works on the run waits for the run's end; one that is made of a run without an engine
waits for the next engine, unless the caller carries it out. The recovery that does so writes its number to the request.
It is done if an instance that it named ran in that recovery, and refused if the recovery ended without.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, update

from eventcore.decide.rerunning import Rerun
from eventcore.define.answer import RequestStatus
from eventcore.define.status import TaskStatus, Verdict
from eventcore.record.database import transaction
from eventcore.record.refusals import is_of, program_of
from eventcore.record.requests import TAKEN, insert_request, put_answer
from eventcore.record.schema import recoveries, requests, tasks
from eventcore.record.verbs import RERUN

OPEN = TAKEN & (requests.c.verb == RERUN)


def next_rerun(connection: Connection, run: int) -> tuple[int, Rerun] | None:
    """The first rerun that no recovery carries out yet: its request's id, and what it names."""
    query = select(requests).where(requests.c.run == run, OPEN, requests.c.recovery.is_(None)).order_by(requests.c.id)
    row = connection.execute(query.limit(1)).first()
    return None if row is None else (row.id, Rerun(**json.loads(row.argument)))


def refuse(connection: Connection, run: int, request: int | None, rerun: Rerun, reason: str, now: float) -> int:
    """Record that a rerun cannot be carried out, with a new request if there is none yet; returns the request's id."""
    with transaction(connection):
        if request is None:
            return insert_request(connection, run, RERUN, argument_of(rerun), RequestStatus.refused, reason, now)
        put_answer(connection, request, RequestStatus.refused, reason, now)
    return request


def begin(connection: Connection, run: int, request: int | None, rerun: Rerun, recovery: int, now: float) -> int:
    """Have a recovery that begins carry out a rerun, in the transaction that makes the recovery; the request's id."""
    if request is None:
        request = insert_request(connection, run, RERUN, argument_of(rerun), RequestStatus.taken, None, now)
    connection.execute(update(requests).where(requests.c.id == request).values(recovery=recovery))
    return request


def request_of(connection: Connection, run: int, recovery: int) -> int | None:
    """The request that a recovery carries out, or has carried out; None for a recovery that nobody requested."""
    query = select(requests.c.id).where(requests.c.run == run, requests.c.recovery == recovery)
    return connection.execute(query.limit(1)).scalar()


def last_whole(run: ColumnElement[int]) -> Select[Any]:
    """Selects the latest recovery of a run that was not a rerun of some instances and nothing else."""
    every = recoveries.alias()
    is_whole = every.c.rerun.is_(None) | every.c.rerun.not_like('%"extent":"only"%')
    return select(func.max(every.c.recovery)).where(every.c.run == run, is_whole)


def settle(connection: Connection, run: int, recovery: int, verdict: Verdict | None, now: float) -> None:
    """Answer the rerun of a recovery that its engine leaves with a verdict.

    Without a verdict the engine was lost: a rerun that the recovery has not reached waits for another recovery. While
    the verdict is pending, it waits for the engine that continues.
    """
    query = select(requests).where(requests.c.run == run, OPEN, requests.c.recovery == recovery)
    for row in connection.execute(query).all():
        rerun = Rerun(**json.loads(row.argument))
        if _ran(connection, run, recovery, rerun):
            put_answer(connection, row.id, RequestStatus.done, None, now)
        elif verdict is None:
            connection.execute(update(requests).where(requests.c.id == row.id).values(recovery=None))
        elif verdict is not Verdict.pending:
            reason = f"recovery {recovery} ended with {verdict.value} before it reached {rerun.path}"
            put_answer(connection, row.id, RequestStatus.refused, reason, now)


def argument_of(rerun: Rerun) -> dict[str, str | None]:
    """What a request for the rerun names."""
    return {"path": rerun.path, "sequence": rerun.sequence, "extent": rerun.extent}


def _ran(connection: Connection, run: int, recovery: int, rerun: Rerun) -> bool:
    ended = tasks.c.status.in_([TaskStatus.success.value, TaskStatus.failure.value])
    program = program_of(connection, run, recovery)
    query = select(tasks.c.step).where(
        tasks.c.run == run, tasks.c.recovery == recovery, is_of(program, rerun.path, rerun.sequence),
        tasks.c.status != TaskStatus.skipped.value, or_(ended, tasks.c.started.is_not(None)),
    )  # fmt: skip
    return connection.execute(query.limit(1)).first() is not None
