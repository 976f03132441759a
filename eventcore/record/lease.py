"""The lease: one engine works on a run, and everyone can see which one."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, inspect, null, select, update

from eventcore.errors import RunHeldError
from eventcore.moment import steady, this_boot
from eventcore.record import identity
from eventcore.record.backend import Backend, backend_at
from eventcore.record.pausing import is_paused
from eventcore.record.processes import found_process, this_namespace
from eventcore.record.schema import runs, schema_version

UNKNOWN = "unknown"  #: the start of a machine that has no id for it: it can be any machine of its name

_disowned: set[str] = set()  #: the tokens of engines that ended in this process, or handed their runs over to it


class UnderWayError(RunHeldError):
    """Another run of the program by the same user is under way, and a new one was to run alone."""

    def __init__(self, program: str, run_id: str, holder: str) -> None:
        super().__init__(f"run {run_id!r} of program {program!r} is under way in {holder}")


class Holder(msgspec.Struct, frozen=True):
    """The identity of an engine."""

    token: str
    host: str
    pid: int
    started: str  #: the process's start as the system tells it: its number may belong to another process by now
    wake: int | None = None  #: the loopback port at which it is told of requests
    boot: str | None = None  #: the start of its machine
    namespace: str | None = None  #: in which its process has its number


def this_engine(token: str | None = None, wake: int | None = None) -> Holder:
    """A new holder in this process."""
    process, token = found_process(os.getpid()), token or secrets.token_hex(8)
    started = "" if process is None else process.started
    return Holder(token, socket.gethostname(), os.getpid(), started, wake, this_boot(), this_namespace())


def disown(holder: Holder) -> None:
    """An engine of this process has ended, whatever the store says of it: it may have been out of reach by then."""
    _disowned.add(holder.token)


def hand_over(token: str) -> None:
    """An engine has claimed a run for this process, which may take over what is held under the engine's token."""
    _disowned.add(token)


def take(connection: Connection, run: int, holder: Holder, term: float, now: float) -> int:
    """Take the run's lease inside a transaction; returns the number from which the engine counts its turns.

    Raises `RunHeldError` while another living engine has it.
    """
    backend = backend_at(connection)
    clock = backend.lease_clock(now)
    times = clock.label("moment"), backend.awake_since(now).label("awake_since")
    row = connection.execute(select(runs, *times).where(runs.c.id == run).with_for_update(of=runs)).one()
    if is_held(row, row.moment, row.awake_since):
        advice = "wait for it to finish, stop it, or use another run id"
        if is_paused(connection, run):
            advice = "the run is paused; to let that engine go on with it, use `sequent resume`, or resume() in Python"
        raise RunHeldError(
            f"run {row.run_id!r} is held by the engine of {named(row)}, last heard from "
            f"{max(0.0, row.moment - row.heartbeat):.0f} s ago; {advice}"
        )
    connection.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(
            holder=holder.token,
            holder_host=holder.host,
            holder_pid=holder.pid,
            holder_started=holder.started,
            heartbeat=clock,
            lease_term=term,
            wake=holder.wake,
            holder_boot=boot_of(holder, backend),
            holder_namespace=holder.namespace,
            heartbeat_since_boot=since_boot(backend),
            turn=row.turn + 1,
        )
    )
    return int(row.turn) + 1


def is_held(row: Any, now: float, awake_since: float = 0.0) -> bool:
    """Whether a run's row names an engine that lives.

    On this machine its process tells, and only one that somebody has stopped is given up when it was silent for its
    term. Of a process that cannot be seen from here, its silence tells: by the clock that the backend writes leases
    with, or where only this machine reaches the store, by a clock of the machine that nobody sets. Silence counts from
    `awake_since` on, when the database could be reached again.
    """
    if row.holder is None or row.holder in _disowned:
        return False
    is_here = row.holder_host == socket.gethostname() and row.holder_boot in (None, this_boot())
    if is_here and row.holder_boot and row.heartbeat_since_boot is not None:
        is_silent = steady() - row.heartbeat_since_boot > row.lease_term
    else:
        is_silent = now - max(row.heartbeat, awake_since) > row.lease_term
    if not is_here or (row.holder_boot and row.holder_namespace != this_namespace()):
        return not is_silent
    process = found_process(row.holder_pid)
    if process is None or not process.may_be(row.holder_started):
        return False
    return not (is_silent and process.is_stopped)


def named(row: Row[tuple[object, ...]]) -> str:
    """The holder that a run's row names, as people are told."""
    return f"process {row.holder_pid} on {row.holder_host}"


def check_alone(connection: Connection, program: str, now: float) -> None:
    """Raise `UnderWayError` while a living engine works on a run of the program by the same user.

    Inside the transaction that makes a new run; no other one of these decides the same before it is over.
    """
    connection.execute(select(schema_version).with_for_update())
    for run_id, holder in held_runs(connection, now, program):
        raise UnderWayError(program, run_id, holder)


def held_runs(connection: Connection, now: float, program: str | None = None) -> Iterator[tuple[str, str]]:
    """The ids of the runs, or of the user's own of a program, that living engines hold, each with its holder.

    It reads a store of any version, so the columns of the lease keep their names; an older one lacks some.
    """
    wanted = ("run_id", "holder", "holder_host", "holder_pid", "holder_started", "heartbeat", "lease_term",
              "holder_boot", "holder_namespace", "heartbeat_since_boot")  # fmt: skip
    there = {column["name"] for column in inspect(connection).get_columns(runs.name)}
    times = backend_at(connection).lease_times(connection, now)
    columns = [runs.c[name] if name in there else null().label(name) for name in wanted]
    found = select(*columns).where(runs.c.holder.is_not(None))
    if program is not None:
        found = found.where(runs.c.program == program, runs.c.user == identity.user())
    for row in connection.execute(found):
        if is_held(row, *times):
            yield row.run_id, named(row)


def give_up(connection: Connection, run: int, holder: Holder) -> None:
    """Release the lease where the holder still has it."""
    connection.execute(update(runs).where(runs.c.id == run, runs.c.holder == holder.token).values(holder=None))


def release(connection: Connection, holder: Holder) -> None:
    """Release whatever lease the holder has."""
    connection.execute(update(runs).where(runs.c.holder == holder.token).values(holder=None))


def beat(connection: Connection, run: int, holder: Holder, now: float) -> bool:
    """Renew the heartbeat; False if the lease is no longer the holder's."""
    backend = backend_at(connection)
    mine = update(runs).where(runs.c.id == run, runs.c.holder == holder.token)
    beats = mine.values(heartbeat=backend.lease_clock(now), heartbeat_since_boot=since_boot(backend))
    return connection.execute(beats).rowcount == 1


def boot_of(holder: Holder, backend: Backend) -> str | None:
    """The start of the holder's machine, as the lease has it."""
    return holder.boot or (UNKNOWN if backend.is_remote else None)


def since_boot(backend: Backend) -> float | None:
    """The heartbeat by this machine's clock; where a server keeps the lease, its clock alone counts."""
    return None if backend.is_remote else steady()
