"""Whose run is meant where none is named: the user's own latest, never silently another's."""

from __future__ import annotations

import logging

from sqlalchemy import ColumnElement, Connection, exists, func, select

from eventcore.errors import RunNotFoundError
from eventcore.record import identity
from eventcore.record.schema import recoveries, runs

log = logging.getLogger(identity.NOTES)

MOST_NAMED = 5  #: other users' runs in a message


def own_latest(connection: Connection, program: str | None, location: str) -> int:
    """The key of the user's latest run, of a program if one is named; logs whose later runs it passes over.

    Raises `RunNotFoundError`, which names the runs of others where there are any.
    """
    wanted: ColumnElement[bool] = exists().where(recoveries.c.run == runs.c.id)  # a run that is being deleted has none
    if program is not None:
        wanted &= runs.c.program == program
    me = identity.user()
    own = connection.execute(
        select(runs.c.id, runs.c.run_id).where(wanted, runs.c.user == me).order_by(runs.c.id.desc()).limit(1)
    ).first()
    if own is None:
        raise RunNotFoundError(_none(connection, wanted, program, location, me))
    later = connection.execute(
        select(runs.c.user, func.count()).where(wanted, runs.c.id > own.id).group_by(runs.c.user).order_by(runs.c.user)
    )
    passed_over = {user: int(count) for user, count in later}
    if passed_over:
        total = sum(passed_over.values())
        what = f"{'a later run' if total == 1 else f'{total} later runs'} of {', '.join(passed_over)}"
        log.warning("using run %r, your latest; ignored %s; give a run id to use another run", own.run_id, what)
    return int(own.id)


def unknown_run(location: str, run_id: str | None) -> str:
    """What a message says of a run id that the store does not have."""
    return f"store {location} has no run {run_id!r}; `sequent runs {location}` lists its runs"


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
        f"store {location} has no run{of_program} of yours ({me}); the latest of other users are {named}; "
        "name one with --run-id, or run_id in Python"
    )
