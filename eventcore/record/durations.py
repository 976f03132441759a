"""How long the steps of a program took in earlier runs."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from eventcore.define.status import TaskStatus
from eventcore.record import schema as t
from eventcore.record.rows import RunRow

RUNS = 10  #: so many runs, the latest, tell what to expect


def durations(connection: Connection, row: RunRow) -> dict[str, float]:
    """The median of the seconds that each step's successes took in the latest runs of the run's program up to it."""
    runs, tasks = t.runs, t.tasks
    latest = (
        select(runs.c.id)
        .where(runs.c.program == row.program, runs.c.id <= row.id)
        .order_by(runs.c.id.desc())
        .limit(RUNS)
        .subquery()
    )
    took = tasks.c.ended - tasks.c.started
    ordered = (
        select(
            tasks.c.step,
            took.label("took"),
            func.row_number().over(partition_by=tasks.c.step, order_by=took).label("place"),
            func.count().over(partition_by=tasks.c.step).label("number"),
        )
        .where(tasks.c.run.in_(select(latest.c.id)), tasks.c.status == TaskStatus.success.value)
        .where(tasks.c.started.is_not(None), tasks.c.ended >= tasks.c.started)
        .subquery()
    )
    middle = (ordered.c.number + 1) // 2, ordered.c.number // 2 + 1
    query = select(ordered.c.step, func.avg(ordered.c.took)).where(ordered.c.place.in_(middle)).group_by(ordered.c.step)
    return {step: float(seconds) for step, seconds in connection.execute(query)}
