"""Requests: what users ask of a run, recorded with who and when, whether an engine works on it or not."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, cast, func, insert, select, update

from eventcore.define.status import Verdict
from eventcore.record import identity, lease
from eventcore.record.backend import backend_at
from eventcore.record.database import open_database, reported, transaction
from eventcore.record.schema import facts, recoveries, requests, runs

PAUSE, RESUME, CANCEL, TRIGGER, RERUN = "pause", "resume", "cancel", "trigger", "rerun"


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request that nobody has taken up."""

    id: int
    verb: str
    argument: Mapping[str, Any]


def ask(location: str, run: int, verb: str, argument: Mapping[str, Any], now: float) -> int:
    """Record a request and wake the engine that holds the run; returns the request's id.

    Where no engine does, pausing, resuming and cancelling the run as a whole are done with being recorded, and who asks
    for a rerun does it; the rest waits for the engine that goes on with the run. A rerun waits for the run's end.
    """
    with reported(location):
        database = open_database(location, create=False)
        with database.connect() as connection, transaction(connection):
            holder = connection.execute(select(runs).where(runs.c.id == run).with_for_update()).one()
            held = lease.is_held(holder, backend_at(connection).lease_time(connection, now))
            at_once = not held and (verb in (PAUSE, RESUME, RERUN) or (verb == CANCEL and not argument))
            if at_once and verb == CANCEL:
                _cancel_stopped(connection, run, holder.recovery, now)
            made = connection.execute(
                insert(requests).values(
                    run=run, verb=verb, argument=json.dumps(dict(argument)), asked_by=asker(), asked_at=now,
                    taken_at=now if at_once else None, answer="done" if at_once else None,
                )
            )  # fmt: skip
        database.dispose()
    if held and holder.wake is not None and holder.holder_host == socket.gethostname():
        wake(holder.wake, holder.holder)
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def wake(port: int, token: str) -> None:
    """Tell the engine at a loopback port to look for requests; the token is its lease's."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(token.encode(), ("127.0.0.1", port))


def asker() -> str:
    """Who asks, as requests record it."""
    return f"{identity.user()}@{identity.host()}"


def pending(connection: Connection, run: int) -> list[AskedRequest]:
    """The run's requests that nobody has taken up, in the order in which they were asked; reruns wait for its end."""
    query = (
        select(requests)
        .where(requests.c.run == run, requests.c.taken_at.is_(None), requests.c.verb != RERUN)
        .order_by(requests.c.id)
    )
    return [AskedRequest(row.id, row.verb, json.loads(row.argument)) for row in connection.execute(query)]


def is_any_open(connection: Connection, run: int) -> bool:
    """Whether anything was asked of the run that nobody has taken up, reruns included."""
    query = select(requests.c.id).where(requests.c.run == run, requests.c.taken_at.is_(None)).limit(1)
    return connection.execute(query).first() is not None


def taken_rerun(connection: Connection, run: int, now: float) -> dict[str, Any] | None:
    """Take up the first rerun that was asked while an engine worked on the run: what it is to run again."""
    asked = (requests.c.run == run) & requests.c.taken_at.is_(None) & (requests.c.verb == RERUN)
    with transaction(connection):
        row = connection.execute(select(requests).where(asked).order_by(requests.c.id).limit(1)).first()
        if row is None:
            return None
        connection.execute(update(requests).where(requests.c.id == row.id).values(taken_at=now, answer="done"))
    argument: dict[str, Any] = json.loads(row.argument)
    return argument


def is_paused(connection: Connection, run: int) -> bool:
    """Whether the last word on pausing was to pause."""
    query = (
        select(requests.c.verb)
        .where(requests.c.run == run, requests.c.verb.in_([PAUSE, RESUME]), requests.c.taken_at.is_not(None))
        .order_by(requests.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() == PAUSE


def answer_of(connection: Connection, request: int) -> str | None:
    """What the engine answered; None while it has not taken the request up."""
    answer: str | None = connection.execute(select(requests.c.answer).where(requests.c.id == request)).scalar()
    return answer


def fresh_sequence(connection: Connection, run: int) -> str:
    """A sequence that no event of the run is triggered at."""
    numbers = select(func.max(cast(facts.c.sequence, Integer))).where(facts.c.run == run)
    return str((connection.execute(numbers).scalar() or 0) + 1)


def _cancel_stopped(connection: Connection, run: int, recovery: int, now: float) -> None:
    connection.execute(
        update(recoveries)
        .where(recoveries.c.run == run, recoveries.c.recovery == recovery)
        .values(verdict=Verdict.cancelled.value, ended=now)
    )
