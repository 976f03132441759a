"""Whose run is meant where none is named: the user's own latest, never silently another's."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, select, true

from eventcore.errors import RunNotFoundError
from eventcore.record import identity
from eventcore.record.schema import runs

MOST_NAMED = 5  #: other users' runs in a message


def own_latest(connection: Connection, program: str | None, location: str) -> tuple[int, str]:
    """The key of the user's latest run, of a program where one is named, and who was passed over for it, in a line.

    Raises `RunNotFoundError`, which names the runs of others where there are any.
    """
    wanted: ColumnElement[bool] = true() if program is None else runs.c.program == program
    me = identity.user()
    own = connection.execute(
        select(runs.c.id, runs.c.run_id).where(wanted, runs.c.user == me).order_by(runs.c.id.desc()).limit(1)
    ).first()
    if own is None:
        raise RunNotFoundError(_none(connection, wanted, program, location, me))
    later = connection.execute(
        select(runs.c.user, func.count()).where(wanted, runs.c.id > own.id).group_by(runs.c.user).order_by(runs.c.user)
    )
    return own.id, _passed_over(own.run_id, [(user, count) for user, count in later])


def _passed_over(run_id: str, later: Sequence[tuple[str, int]]) -> str:
    if not later:
        return ""
    total = sum(count for _, count in later)
    whose = ", ".join(user for user, _ in later)
    what = "a later run" if total == 1 else f"{total} later runs"
    return f"run {run_id!r} is your latest; passed over {what} of {whose}, which can be named by run id"


def _none(connection: Connection, wanted: ColumnElement[bool], program: str | None, location: str, me: str) -> str:
    others = connection.execute(
        select(runs.c.run_id, runs.c.user).where(wanted).order_by(runs.c.id.desc()).limit(MOST_NAMED)
    ).all()
    of_program = f" of program {program!r}" if program else ""
    if not others:
        if program is None:
            return f"store {location} has no runs; run a program with it first"
        return (
            f"store {location} has no run{of_program}: there is nothing to recover or continue; run the program first"
        )
    named = ", ".join(f"{run_id!r} of {user}" for run_id, user in others)
    return (
        f"store {location} has no run{of_program} of yours ({me}), the latest of others are {named}; name one with "
        "--run-id, in Python run_id"
    )
