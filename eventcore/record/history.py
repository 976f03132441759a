"""What earlier recoveries of a run left, read for an engine that recovers it."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection, func, select

from eventcore.decide.history import History, Past
from eventcore.define.status import TaskStatus, Verdict
from eventcore.record import schema as t
from eventcore.record.rows import RunRow
from eventcore.uncollected import uncollected


@uncollected()
def read_history(connection: Connection, row: RunRow, upto: int, *, walk_all: bool) -> History:
    """What recoveries 0 to `upto` left; without `walk_all`, the inside of what ended clean is passed over."""
    tasks, delays, over = t.tasks, t.delays, t.iterations
    names = ("step", "sequence", "status", "recovery", "raised", "clean", "started", "ended", "ticket")
    query = (
        select(*(tasks.c[name] for name in names))
        .where(tasks.c.run == row.id, tasks.c.recovery <= upto)
        .order_by(tasks.c.recovery)
    )
    if not walk_all:
        query = query.where(
            ~select(over.c.run)
            .where(
                over.c.run == tasks.c.run, over.c.sequence == tasks.c.sequence, over.c.scope == tasks.c.scope,
                over.c.recovery <= upto, over.c.clean,
            )
            .exists()
        )  # fmt: skip
    status = {status.value: status for status in TaskStatus}
    past = {(step, sequence): Past(status[word], *rest) for step, sequence, word, *rest in connection.execute(query)}
    waits = (
        select(delays.c.event, delays.c.kind, delays.c.target, delays.c.sequence, delays.c.due)
        .where(delays.c.run == row.id, delays.c.recovery <= upto)
        .order_by(delays.c.recovery)
    )
    due = {(tuple(key), sequence): when for *key, sequence, when in connection.execute(waits)}
    verdicts = select(t.recoveries.c.verdict).where(t.recoveries.c.run == row.id, t.recoveries.c.recovery == upto)
    is_success = connection.execute(verdicts).scalar() == Verdict.success.value
    emitted = read_emitted(connection, row, upto)
    return History(past, due, emitted, same_program=not walk_all, is_success=is_success)


def read_emitted(connection: Connection, row: RunRow, upto: int) -> dict[tuple[str, str], str]:
    """The values of the events that steps emitted in recoveries 0 to `upto`, by event and sequence.

    Each recovery has those of the ones before it, but for what was rerun: the latest is the one that counts.
    """
    facts = t.facts
    query = select(facts.c.event, facts.c.sequence, facts.c.value).where(
        facts.c.run == row.id, facts.c.recovery <= upto, facts.c.value.is_not(None)
    )
    return {(event, at): value for event, at, value in connection.execute(query.order_by(facts.c.recovery))}


def looks_back_to(connection: Connection, row: RunRow) -> tuple[int, str | None]:
    """The latest earlier recovery that counts as history for the present one, -1 for none; and its `rerun`."""
    recoveries = t.recoveries
    query = select(recoveries.c.looks_back_to, recoveries.c.rerun).where(
        recoveries.c.run == row.id, recoveries.c.recovery == row.recovery
    )
    found = connection.execute(query).one()
    return found.looks_back_to, found.rerun


def is_straight_so_far(connection: Connection, row: RunRow, upto: int, document: str) -> bool:
    """Whether recoveries 0 to `upto` all ran exactly this program from beginning to end, each over the one before it.

    A rerun, or a recovery from a given one, may run or compute again what had ended clean.
    """
    digest = sha256(document.encode()).hexdigest()
    query = (
        select(func.count())
        .select_from(t.recoveries.join(t.programs, t.recoveries.c.program_id == t.programs.c.id))
        .where(t.recoveries.c.run == row.id, t.recoveries.c.recovery <= upto)
        .where(
            (t.programs.c.digest != digest)
            | t.recoveries.c.mixed
            | t.recoveries.c.rerun.is_not(None)
            | (t.recoveries.c.looks_back_to != t.recoveries.c.recovery - 1)
        )
    )
    return connection.execute(query).scalar_one() == 0
