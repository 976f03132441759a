"""Recording a turn: everything it changed in one commit, under the lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, insert, literal, select, update

from eventcore.decide.changes import Changes
from eventcore.decide.state import Task
from eventcore.errors import LeaseLostError
from eventcore.record import schema as t
from eventcore.record.statements import Statement

Offload = Callable[[Task, str], str | None]


class TurnWriter:
    """Writes turns of one run and recovery through one connection."""

    def __init__(self, connection: Connection, run: int, recovery: int, holder: str, offload: Offload) -> None:
        self._cursor = connection.connection.cursor()
        self._run = run
        self._recovery = recovery
        self._holder = holder
        self._offload = offload
        self._statements = _statements(connection.dialect)

    def write(self, changes: Changes, now: float) -> None:
        """Commit the turn; raises `LeaseLostError`, with nothing written, when another engine has the run."""
        cursor = self._cursor
        cursor.execute("BEGIN IMMEDIATE")
        try:
            self._statements["lease"].run(cursor, [{"b_run": self._run, "b_holder": self._holder, "heartbeat": now}])
            if cursor.rowcount != 1:
                raise LeaseLostError("another engine took this run over; this engine ends without recording more")
            for name, rows in self._rows(changes, now):
                if rows:
                    self._statements[name].run(cursor, rows)
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")

    def _rows(self, changes: Changes, now: float) -> list[tuple[str, list[dict[str, Any]]]]:
        base = {"run": self._run, "recovery": self._recovery}
        by_key = {"b_run": self._run, "b_recovery": self._recovery}
        facts = [{**base, "sequence": s, "event": e, "scope": c, "at": now} for c, e, s in changes.facts]
        created = [{**base, **_task(task), "created": now} for task in changes.created.values()]
        updated = [{**by_key, **_task_update(task)} for task in changes.updated.values()]
        results = [self._result(key, text, changes) for key, text in changes.results.items()]
        carried = [
            {"b_run": self._run, "b_sequence": task.sequence, "b_step": task.step.name, "b_from": source}
            for task, source in changes.carried
        ]
        attempts = [
            {
                **base, "sequence": a.task.sequence, "step": a.task.step.name, "try": a.try_number,
                "status": a.status.value, "started": a.started, "ended": a.ended, "error": a.error,
                "traceback": a.traceback,
            }
            for a in changes.attempts
        ]  # fmt: skip
        begun = [
            {**base, "sequence": d.sequence, "association": d.association.key, "due": d.due, "over": 0}
            for d in changes.delays_begun
        ]
        over = [{**by_key, "b_sequence": d.sequence, "b_association": d.association.key} for d in changes.delays_over]
        return [
            ("fact", facts), ("task", created), ("task update", updated), ("result", results),
            ("carry", [{**row, "b_recovery": self._recovery} for row in carried]), ("attempt", attempts),
            ("delay", begun), ("delay over", over),
        ]  # fmt: skip

    def _result(self, key: tuple[str, str], text: str, changes: Changes) -> dict[str, Any]:
        step, sequence = key
        task = changes.updated.get(key) or changes.created[key]
        file = self._offload(task, text)
        return {
            "run": self._run, "recovery": self._recovery, "sequence": sequence, "step": step,
            "value": text if file is None else None, "file": file,
        }  # fmt: skip


def _task(task: Task) -> dict[str, Any]:
    return {
        "sequence": task.sequence, "step": task.step.name, "scope": task.step.placement.scope,
        "status": task.status.value, "try": task.try_number, "due": task.due, "started": task.started,
        "ended": task.ended, "memo": task.memo,
    }  # fmt: skip


def _task_update(task: Task) -> dict[str, Any]:
    return {
        "b_sequence": task.sequence, "b_step": task.step.name, "status": task.status.value, "try": task.try_number,
        "due": task.due, "started": task.started, "ended": task.ended, "memo": task.memo,
    }  # fmt: skip


def _statements(dialect: Dialect) -> Mapping[str, Statement]:
    tasks, delays, runs, results = t.tasks, t.delays, t.runs, t.results

    def inserted(table: Any) -> Statement:
        return Statement(insert(table), dialect, [column.name for column in table.columns])

    this_task = (
        (tasks.c.run == bindparam("b_run"))
        & (tasks.c.sequence == bindparam("b_sequence"))
        & (tasks.c.step == bindparam("b_step"))
        & (tasks.c.recovery == bindparam("b_recovery"))
    )
    this_delay = (
        (delays.c.run == bindparam("b_run"))
        & (delays.c.sequence == bindparam("b_sequence"))
        & (delays.c.association == bindparam("b_association"))
        & (delays.c.recovery == bindparam("b_recovery"))
    )
    earlier = select(
        results.c.run, results.c.sequence, results.c.step, bindparam("b_recovery"), results.c.value, results.c.file
    ).where(
        results.c.run == bindparam("b_run"),
        results.c.sequence == bindparam("b_sequence"),
        results.c.step == bindparam("b_step"),
        results.c.recovery == bindparam("b_from"),
    )
    changed: dict[str, Any] = {name: bindparam(name) for name in ("status", "try", "due", "started", "ended", "memo")}
    return {
        "lease": Statement(
            update(runs)
            .where(runs.c.id == bindparam("b_run"), runs.c.holder == bindparam("b_holder"))
            .values(turns=runs.c.turns + literal(1), heartbeat=bindparam("heartbeat")),
            dialect,
        ),
        "fact": inserted(t.facts),
        "task": inserted(tasks),
        "task update": Statement(update(tasks).where(this_task).values(changed), dialect),
        "result": inserted(results),
        "carry": Statement(
            insert(results).from_select(["run", "sequence", "step", "recovery", "value", "file"], earlier), dialect
        ),
        "attempt": inserted(t.attempts),
        "delay": inserted(delays),
        "delay over": Statement(update(delays).where(this_delay).values(over=1), dialect),
    }
