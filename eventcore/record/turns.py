"""Recording a turn: everything it changed in one commit, under the lease."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, NoReturn

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Table,
    and_,
    bindparam,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from eventcore.decide.changes import Changes, Leftovers
from eventcore.decide.state import Iteration, Progress, Task
from eventcore.define.answer import RequestStatus
from eventcore.define.outcome import Outcome
from eventcore.define.status import TaskStatus
from eventcore.errors import LeaseLostError, StoreError
from eventcore.record import schema as t
from eventcore.record.backend import Backend, Work, backend_at
from eventcore.record.lengths import long_sequence
from eventcore.record.patience import cause, patience_of
from eventcore.record.rows import RunRow
from eventcore.record.statements import Row, Statement

DONE, REFUSED = RequestStatus.done.value, RequestStatus.refused.value
Offload = Callable[[str, Mapping[str, bytes]], str | None]


class TurnWriter:
    """Writes turns of one run and recovery through one connection."""

    def __init__(self, connection: Connection, run: RunRow, holder: str, offload: Offload) -> None:
        self._connection = connection
        self._cursor = connection.connection.cursor()
        self._patience = patience_of(connection)
        self._run = run.id
        self._recovery = run.recovery
        self._turn = run.turn  #: its number as the store must have it for the next turn to be this engine's
        self._holder = holder
        self._offload = offload
        self._kept: dict[tuple[str, str], str | None] = {}  #: files of results whose turn is not written yet
        self._backend = backend_at(connection)
        self._statements = statements(type(self._backend))
        self._fence = self._statements["next turn" if self._backend.is_remote else "lease"]

    def write(self, changes: Changes, now: float) -> None:
        """Commit the turn.

        Raises, with nothing written, `LeaseLostError` when another engine has the run and `StoreError` when the
        database cannot be written.
        """
        backend, made = self._backend, self._statements
        work: Work = ((made[name], rows) for name, rows in self._rows(changes, now))
        if backend.is_remote:  # it may have to be written again
            work = [(statement, list(rows)) for statement, rows in work]
        try:
            is_ours = self._patience.tried(partial(self._write, work))
        except (backend.driver_error, DBAPIError, StoreError) as error:
            self._fail(error)
        if not is_ours:
            raise LeaseLostError
        if backend.is_remote:
            self._turn += 1
        for progress in changes.loops.values():
            progress.is_recorded = True

    def _write(self, work: Work, again: bool) -> bool:
        """Commit the turn if the run is still this engine's, and this its next turn.

        Again, it is looked up first whether it has been written. It may still be under way then: nothing is doubled,
        since only one can count to its number, and the other is looked up once more.
        """
        if again:
            self._cursor = self._connection.connection.cursor()
            if self._is_written():
                return True
        is_ours = self._backend.write_turn(self._cursor, self._fence, self._fence_key, work)
        return is_ours or (again and self._is_written())

    def _is_written(self) -> bool:
        """Whether the turn took effect although the database did not answer: the number of the run's turns tells."""
        runs = t.runs
        query = select(runs.c.turn).where(runs.c.id == self._run, runs.c.holder == self._holder)
        turn = self._connection.execute(query).scalar()
        if turn is not None and turn < self._turn:
            raise StoreError(
                f"store {self._backend.name} has lost turns of the run that it had confirmed: it is at turn {turn}, "
                f"not {self._turn}; find out whether it was restored from a backup, or is set not to flush commits"
            )
        return turn == self._turn + 1

    def check(self, task: Task, outcome: Outcome) -> None:
        """Raise `StoreError` for an outcome that leads to what the store cannot keep."""
        problem = long_sequence(self._backend, task.step.role, task.sequence, outcome)
        if problem is not None:
            raise StoreError(problem)

    def keep(self, task: Task, result: str, files: Mapping[str, bytes]) -> None:
        """Put the result of a task, if it is large, and its files where the turn that ends it may refer to them.

        Raises `StoreError` where it cannot be kept.
        """
        self._kept[task.key] = self._offload(result, files)  # instead of a try's that failed after all

    def holds(self) -> bool:
        """Whether the run is still this engine's; raises `StoreError` when the database cannot be read."""

        def look(again: bool) -> bool:
            if again:
                self._cursor = self._connection.connection.cursor()
            self._statements["lease"].run(self._cursor, [self._fence_key])
            return self._cursor.fetchone() is not None

        try:
            return self._patience.tried(look)
        except (self._backend.driver_error, DBAPIError, StoreError) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        explained = error if isinstance(error, StoreError) else self._backend.explained(cause(error))
        if explained is None:
            raise error
        raise StoreError(f"recording the run failed: {explained}, then recover the run") from error

    @property
    def _fence_key(self) -> Row:
        return self._run, self._holder, self._turn

    def _rows(self, changes: Changes, now: float) -> Iterator[tuple[str, Iterable[Row]]]:
        """What a turn writes, by statement; iterations come before the tasks in them."""
        run, recovery = self._run, self._recovery
        if changes.facts:
            yield "fact", [(run, sequence, event, recovery, scope, now, value)
                           for scope, event, sequence, value in changes.facts]  # fmt: skip
        if changes.over or changes.begun:
            yield from self._iterations(changes, now)
        if changes.updated:
            yield "task update", [(*_standing(task), *self._key(task)) for task in changes.updated.values()]
        if changes.created:
            yield "task", [(*self._key(task), task.step.place.scope, now, *_standing(task))
                           for task in changes.created.values()]  # fmt: skip
        if changes.deadlines:
            yield "deadline", [(due, *self._key(task)) for task, due in changes.deadlines]
        if changes.loops:
            yield from self._loops(changes.loops.values())
        if changes.results:
            yield "result", [self._result(key, text, changes) for key, text in changes.results.items()]
        if changes.attempts:
            yield (
                "attempt",
                [
                    (*self._key(a.task), a.try_number, a.status._value_, a.started, a.ended, a.error, a.traceback)
                    for a in changes.attempts
                ],
            )
        for task, source, of in changes.items:
            key = (*self._key(task)[:-1], self._recovery if of is None else of)
            yield "items", ((*key, *part) for part in source.slices())
        if changes.carried:
            yield "carry", [(recovery, run, task.sequence, task.step.name, source) for task, source in changes.carried]
        if changes.delays_begun:
            yield "delay", [(run, d.sequence, *d.association.key, recovery, d.due, 0) for d in changes.delays_begun]
        if changes.delays_over:
            yield "delay over", [(run, d.sequence, *d.association.key, recovery) for d in changes.delays_over]
        if changes.leftovers:
            yield from self._leftovers(changes.leftovers, now)
        if changes.moved:
            yield "moved", [(json.dumps(argument), request) for request, argument in changes.moved]
        if changes.answers:
            yield "answer", [(DONE if reason is None else REFUSED, reason, now, request)
                             for request, reason in changes.answers]  # fmt: skip

    def _iterations(self, changes: Changes, now: float) -> Iterator[tuple[str, Iterable[Row]]]:
        over = [
            (i.status._value_, i.halted, i.clean, _ended(i, now), *self._place(i))
            for place, i in changes.over.items()
            if place not in changes.begun
        ]
        if over:
            yield "iteration update", over
        if changes.begun:
            yield (
                "iteration",
                [
                    (*self._place(i), i.number, i.status._value_, i.halted, i.clean, i.started, _ended(i, now))
                    for i in changes.begun.values()
                ],
            )

    def _loops(self, loops: Iterable[Progress]) -> Iterator[tuple[str, Iterable[Row]]]:
        walked = [(*_progress(p), *self._key(p.task)) for p in loops if p.is_recorded]
        if walked:
            yield "loop update", walked
        begun = [(*self._key(p.task), *_progress(p)) for p in loops if not p.is_recorded]
        if begun:
            yield "loop", begun

    def _leftovers(self, left: Leftovers, now: float) -> Iterator[tuple[str, Iterable[Row]]]:
        run, recovery, word = self._run, self._recovery, TaskStatus.cancelled.value
        if left.tasks:
            yield "task gone", [(word, now, run, sequence, step, recovery) for step, sequence in left.tasks]
        if left.iterations:
            yield "iteration gone", [(word, now, run, sequence, scope, recovery) for scope, sequence in left.iterations]
        if left.delays:
            yield "delay over", [(run, sequence, *key, recovery) for key, sequence in left.delays]

    def _key(self, task: Task) -> Row:
        return self._run, task.sequence, task.step.name, self._recovery

    def _place(self, iteration: Iteration) -> Row:
        return self._run, iteration.sequence, iteration.scope, self._recovery

    def _result(self, key: tuple[str, str], text: str, changes: Changes) -> Row:
        task = changes.updated.get(key) or changes.created[key]
        file = self._kept.pop(key, None)
        return (*self._key(task), text if file is None else None, file)


def _ended(iteration: Iteration, now: float) -> float | None:
    return None if iteration.status is TaskStatus.active else now


def _standing(task: Task) -> Row:
    t = task
    return t.status._value_, t.try_number, t.due, t.started, t.ended, t.raised, t.clean, t.ticket


def _progress(progress: Progress) -> Row:
    p = progress
    return p.size, p.begun, p.over, p.failed, p.cancelled, p.broken, p.clean


FENCE = ("id", "holder", "turn")
KEY = ("run", "sequence", "step", "recovery")
STANDING = ("status", "try", "due", "started", "ended", "raised", "clean", "ticket")
PLACE = ("run", "sequence", "scope", "recovery")
PROGRESS = ("items", "begun", "over", "failed", "cancelled", "broken", "clean")
WAIT = ("run", "sequence", "event", "kind", "target", "recovery")


@cache
def statements(backend: type[Backend]) -> Mapping[str, Statement]:
    """All that turns write with, by name."""
    positional = backend.dialect()
    runs, results = t.runs, t.results

    def inserted(table: Table, *names: str) -> Statement:
        return Statement(insert(table), positional, names)

    def where(table: Table, *names: str) -> ColumnElement[bool]:
        return and_(*(table.c[name] == bindparam(f"b_{name}") for name in names))

    def updated(table: Table, names: Sequence[str], key: Sequence[str]) -> Statement:
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        statement = update(table).where(where(table, *key)).values(values)
        return Statement(statement, positional, [*names, *(f"b_{name}" for name in key)])

    answered = (
        update(t.requests)
        .where(t.requests.c.id == bindparam("b_id"))
        .values(status=bindparam("status"), reason=bindparam("reason"), answered_at=bindparam("answered_at"))
    )
    moved = update(t.requests).where(t.requests.c.id == bindparam("b_id")).values(argument=bindparam("argument"))
    is_ours = where(runs, *FENCE)
    held = Statement(select(runs.c.id).where(is_ours), positional, [f"b_{name}" for name in FENCE])
    counted = Statement(
        update(runs).where(is_ours).values(turn=runs.c.turn + literal_column("1")), positional,
        [f"b_{name}" for name in FENCE],
    )  # fmt: skip
    earlier = select(
        results.c.run, results.c.sequence, results.c.step, bindparam("now", type_=Integer),
        results.c.value, results.c.file,
    ).where(where(results, *KEY))  # fmt: skip
    carry = insert(results).from_select([*KEY, "value", "file"], earlier)
    delay_over = update(t.delays).where(where(t.delays, *WAIT)).values(over=literal_column("1"))
    return {
        "lease": held,
        "next turn": counted,
        "fact": inserted(t.facts, "run", "sequence", "event", "recovery", "scope", "at", "value"),
        "task": inserted(t.tasks, *KEY, "scope", "created", *STANDING),
        "task update": updated(t.tasks, STANDING, KEY),
        "deadline": updated(t.tasks, ("deadline",), KEY),
        "task gone": updated(t.tasks, ("status", "ended"), KEY),
        "iteration gone": updated(t.iterations, ("status", "ended"), PLACE),
        "result": inserted(results, *KEY, "value", "file"),
        "carry": Statement(carry, positional, ["now", *(f"b_{name}" for name in KEY)]),
        "attempt": inserted(t.attempts, *KEY, "try", "status", "started", "ended", "error", "traceback"),
        "iteration": inserted(t.iterations, *PLACE, "number", "status", "halted", "clean", "started", "ended"),
        "iteration update": updated(t.iterations, ("status", "halted", "clean", "ended"), PLACE),
        "loop": inserted(t.loops, *KEY, *PROGRESS),
        "loop update": updated(t.loops, PROGRESS, KEY),
        "items": inserted(t.items, *KEY, "first", "size", "keys", "values"),
        "delay": inserted(t.delays, *WAIT, "due", "over"),
        "answer": Statement(answered, positional, ["status", "reason", "answered_at", "b_id"]),
        "moved": Statement(moved, positional, ["argument", "b_id"]),
        "delay over": Statement(delay_over, positional, [f"b_{name}" for name in WAIT]),
    }
