"""The lease: one engine works on a run, and everyone can see which one."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Row, select, update

from eventcore.errors import RunHeldError
from eventcore.record.backend import backend_at
from eventcore.record.schema import runs


class Holder(msgspec.Struct, frozen=True):
    """The identity of an engine."""

    token: str
    host: str
    pid: int
    started: str  #: the process's start as the system tells it: its number may belong to another process by now
    wake: int | None = None  #: the loopback port at which it is told of requests


def this_engine(token: str | None = None, wake: int | None = None) -> Holder:
    """A new holder in this process."""
    token = token or secrets.token_hex(8)
    return Holder(token, socket.gethostname(), os.getpid(), process_start(os.getpid()) or "", wake)


def process_start(pid: int) -> str | None:
    """When a process of this host started, in the system's own units; None where it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        pass
    else:
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in ("Z", "X") else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


def take(connection: Connection, run: int, holder: Holder, term: float, now: float) -> None:
    """Take the run's lease inside a transaction; raises `RunHeldError` while another living engine has it."""
    row = connection.execute(select(runs).where(runs.c.id == run).with_for_update()).one()
    now = backend_at(connection).lease_time(connection, now)
    if is_held(row, now):
        raise RunHeldError(
            f"run {row.run_id!r} is held by the engine of {named(row)}, last heard from "
            f"{max(0.0, now - row.heartbeat):.0f} s ago; wait for it to finish, stop it, or use another run id"
        )
    connection.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(
            holder=holder.token,
            holder_host=holder.host,
            holder_pid=holder.pid,
            holder_started=holder.started,
            heartbeat=now,
            lease_term=term,
            wake=holder.wake,
        )
    )


def is_held(row: Row[tuple[object, ...]], now: float) -> bool:
    """Whether a run's row names an engine that lives: on this host by its process, elsewhere by its heartbeat."""
    if row.holder is None or now - row.heartbeat > row.lease_term:
        return False
    if row.holder_host != socket.gethostname():
        return True
    started = process_start(row.holder_pid)
    return started is not None and (not row.holder_started or started in ("", row.holder_started))


def named(row: Row[tuple[object, ...]]) -> str:
    """The holder that a run's row names, as people are told."""
    return f"process {row.holder_pid} on {row.holder_host}"


def held_runs(connection: Connection, now: float) -> Iterator[tuple[str, str]]:
    """The ids of the runs that living engines hold, each with its holder.

    It reads a store of any version, so the columns of the lease keep their names.
    """
    columns = ("run_id", "holder", "holder_host", "holder_pid", "holder_started", "heartbeat", "lease_term")
    now = backend_at(connection).lease_time(connection, now)
    for row in connection.execute(select(*(runs.c[name] for name in columns)).where(runs.c.holder.is_not(None))):
        if is_held(row, now):
            yield row.run_id, named(row)


def give_up(connection: Connection, run: int, holder: Holder) -> None:
    """Release the lease where the holder still has it."""
    connection.execute(update(runs).where(runs.c.id == run, runs.c.holder == holder.token).values(holder=None))


def beat(connection: Connection, run: int, holder: Holder, now: float) -> bool:
    """Renew the heartbeat; False if the lease is no longer the holder's."""
    now = backend_at(connection).lease_time(connection, now)
    done = connection.execute(update(runs).where(runs.c.id == run, runs.c.holder == holder.token).values(heartbeat=now))
    return done.rowcount == 1
