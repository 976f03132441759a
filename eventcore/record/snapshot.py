"""The state of a run's present recovery, read for an engine that continues it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, func, select

from eventcore.decide.restoring import Snapshot, StoredIteration, StoredProgress, StoredTask
from eventcore.define.status import TaskStatus
from eventcore.record import schema as t
from eventcore.record.rows import RunRow
from eventcore.uncollected import uncollected


@uncollected()
def snapshot(connection: Connection, row: RunRow) -> Snapshot:
    """The present recovery as it stands, without the iterations that are over."""
    facts, tasks, delays, iterations, loops = t.facts, t.tasks, t.delays, t.iterations, t.loops

    def mine(table: Table) -> ColumnElement[bool]:
        return and_(table.c.run == row.id, table.c.recovery == row.recovery)

    open_iteration = (
        select(iterations.c.run)
        .where(
            iterations.c.run == tasks.c.run, iterations.c.sequence == tasks.c.sequence,
            iterations.c.scope == tasks.c.scope, iterations.c.recovery == tasks.c.recovery,
            iterations.c.status == TaskStatus.active.value,
        )
        .exists()
    )  # fmt: skip
    lost = (
        select(func.count())
        .where(_same_task(t.attempts, tasks), t.attempts.c.run == row.id, t.attempts.c.status == "cancelled")
        .scalar_subquery()
    )
    read = connection.execute
    columns: list[ColumnElement[Any]]
    columns = [tasks.c[name] for name in ("step", "sequence", "status", "try", "due", "started", "raised", "clean")]
    columns += [lost, tasks.c.scope, tasks.c.deadline, tasks.c.ticket]
    task_rows = read(select(*columns).where(mine(tasks), (tasks.c.scope == "") | open_iteration))
    begun = select(*(iterations.c[name] for name in ("scope", "sequence", "number", "halted")))
    walked = [loops.c[n] for n in ("items", "begun", "over", "failed", "cancelled", "broken", "clean")]
    active = and_(_same_task(loops, tasks), tasks.c.run == row.id, tasks.c.status == TaskStatus.active.value)
    waits = select(delays.c.event, delays.c.kind, delays.c.target, delays.c.sequence, delays.c.due, delays.c.over)
    over = (
        select(tasks.c.step, tasks.c.status, func.count(), func.count() - func.count(tasks.c.started))
        .where(mine(tasks), tasks.c.status.not_in(["ready", "active"]))
        .group_by(tasks.c.step, tasks.c.status)
    )
    return Snapshot(
        facts=[(f.event, f.sequence) for f in read(select(facts.c.event, facts.c.sequence).where(mine(facts)))],
        tasks=[StoredTask(step, seq, TaskStatus(word), *rest) for step, seq, word, *rest in task_rows],
        iterations=[
            StoredIteration(*found)
            for found in read(begun.where(mine(iterations), iterations.c.status == TaskStatus.active.value))
        ],
        loops=[
            StoredProgress(*found)
            for found in read(select(loops.c.step, loops.c.sequence, *walked).join(tasks, active).where(mine(loops)))
        ],
        delays={(tuple(key), seq): (due, bool(is_over)) for *key, seq, due, is_over in read(waits.where(mine(delays)))},
        over=[(step, TaskStatus(word), count, unstarted) for step, word, count, unstarted in read(over)],
    )


def _same_task(one: Table, other: Table) -> ColumnElement[bool]:
    """Whether rows of two tables speak of the same task, within one run."""
    return and_(*(one.c[name] == other.c[name] for name in ("step", "sequence", "recovery")))
