"""What decisions and calls may read from the store during a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import ColumnElement, Table, and_, func, select

from eventcore.decide.archive import Archive, ItemCount
from eventcore.define.scopes import Slice
from eventcore.define.status import TaskStatus
from eventcore.define.values import Content
from eventcore.record import schema as t
from eventcore.record.latest import is_inside
from eventcore.record.rows import RunRow
from eventcore.record.store import Store


class StoreArchive(Archive):
    """The store as the rules see it, for one recovery of one run; history counts up to recovery `upto`."""

    def __init__(self, store: Store, row: RunRow, upto: int) -> None:
        self._store = store
        self._connection = store.connection
        self._row = row
        self._upto = upto

    def result(self, step: str, sequence: str) -> str | None:
        """A task's recorded result."""
        return self._store.result(self._row, step, sequence)

    def results_in(self, step: str, around: str) -> Iterator[tuple[str, Callable[[], str | None]]]:
        """The sequences inside `around` at which a step has results, with what reads each of them: one query."""
        return self._store.results_in(self._row, step, around)

    def result_file(self, name: str) -> Content:
        """A file that a result speaks of."""
        return self._store.result_file(self._row, name)

    def emitted(self, event: str, sequence: str) -> str | None:
        """The value with which an event was emitted, None where it was not."""
        facts = t.facts
        query = select(facts.c.value).where(
            facts.c.run == self._row.id, facts.c.sequence == sequence, facts.c.event == event,
            (facts.c.recovery <= self._upto) | (facts.c.recovery == self._row.recovery),
        )  # fmt: skip
        found: str | None = self._connection.execute(query.order_by(facts.c.recovery.desc()).limit(1)).scalar()
        return found

    def item_count(self, step: str, sequence: str) -> ItemCount | None:
        """How many items the step recorded last at the sequence; None where it never did."""
        items, recovery = t.items, self._items_recovery(step, sequence)
        if recovery is None:
            return None
        query = select(func.sum(items.c.size), func.count(items.c["keys"])).where(
            _of_task(items, self._row, step, sequence), items.c.recovery == recovery
        )
        size, keyed = self._connection.execute(query).one()
        return ItemCount(int(size), keyed > 0, recovery)

    def loop_size(self, step: str, sequence: str) -> int:
        """How many items, or iterations, a loop has so far."""
        loops = t.loops
        counts = (loops.c.recovery <= self._upto) | (loops.c.recovery == self._row.recovery)
        query = select(loops.c["items"]).where(_of_task(loops, self._row, step, sequence), counts)
        return self._connection.execute(query.order_by(loops.c.recovery.desc()).limit(1)).scalar() or 0

    def loop_sizes(self, step: str, around: str) -> dict[str, int]:
        """How many items, or iterations, the loops of a container at `around` and inside it have so far."""
        loops = t.loops
        query = (
            select(loops.c.sequence, loops.c["items"])
            .where(loops.c.run == self._row.id, loops.c.step == step)
            .where((loops.c.recovery <= self._upto) | (loops.c.recovery == self._row.recovery))
            .where((loops.c.sequence == around) | is_inside(loops, around))
            .order_by(loops.c.recovery)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def item_keys(self, step: str, around: str) -> Iterator[tuple[str, int, str | None]]:
        """The slices that the step recorded last at `around` and inside it: sequence, size, keys."""
        items = t.items
        counted = (items.c.recovery <= self._upto) | (items.c.recovery == self._row.recovery)
        query = (
            select(items.c.sequence, items.c.recovery, items.c.size, items.c["keys"])
            .where(items.c.run == self._row.id, items.c.step == step, counted)
            .where((items.c.sequence == around) | is_inside(items, around))
            .order_by(items.c.sequence, items.c.recovery.desc(), items.c.first)
        )
        last: dict[str, int] = {}
        for sequence, recovery, size, keys in self._connection.execute(query):
            if last.setdefault(sequence, recovery) == recovery:
                yield sequence, size, keys

    def item_slices(self, step: str, sequence: str, first: int) -> Iterator[Slice]:
        """The recorded items from the slice that has number `first`, read one slice at a time."""
        items, recovery = t.items, self._items_recovery(step, sequence)
        columns = [items.c[name] for name in ("first", "size", "keys", "values")]
        while True:
            query = (
                select(*columns)
                .where(_of_task(items, self._row, step, sequence), items.c.recovery == recovery)
                .where(items.c.first + items.c.size > first)
                .order_by(items.c.first)
                .limit(1)
            )
            found = self._connection.execute(query).first()
            if found is None:
                return
            part = Slice(*found)
            yield part
            first = part.first + part.size

    def _items_recovery(self, step: str, sequence: str) -> int | None:
        """The latest recovery that counts for the present one and recorded items of the step."""
        items = t.items
        query = select(func.max(items.c.recovery)).where(
            _of_task(items, self._row, step, sequence),
            (items.c.recovery <= self._upto) | (items.c.recovery == self._row.recovery),
        )
        found: int | None = self._connection.execute(query).scalar()
        return found

    def iteration_number(self, scope: str, sequence: str) -> int | None:
        """Which iteration of its loop stands at the sequence, from 1; None where none was begun there."""
        iterations = t.iterations
        query = (
            select(iterations.c.number)
            .where(iterations.c.run == self._row.id, iterations.c.sequence == sequence, iterations.c.scope == scope)
            .order_by(iterations.c.recovery.desc())
            .limit(1)
        )
        found: int | None = self._connection.execute(query).scalar()
        return found

    def last_error(self, step: str, sequence: str) -> tuple[str | None, str | None]:
        """The error and the traceback of the task's latest try that failed in the present recovery."""
        attempts = t.attempts
        query = (
            select(attempts.c.error, attempts.c.traceback)
            .where(_of_task(attempts, self._row, step, sequence), attempts.c.recovery == self._row.recovery)
            .where(attempts.c.status == TaskStatus.failure.value)
            .order_by(attempts.c["try"].desc())
            .limit(1)
        )
        found = self._connection.execute(query).first()
        return (None, None) if found is None else (found.error, found.traceback)

    def clean_iterations(self, scope: str, around: str) -> Iterator[int]:
        """The numbers of the iterations inside the sequence `around` that an earlier recovery ended clean."""
        iterations = t.iterations
        query = select(iterations.c.number).where(
            iterations.c.run == self._row.id,
            is_inside(iterations, around), iterations.c.scope == scope, iterations.c.clean,
            iterations.c.recovery < self._row.recovery,
        )  # fmt: skip
        return iter(self._connection.execute(query).yield_per(1000).scalars())

    def iteration(self, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        """One iteration of the present recovery: its facts, its tasks."""
        facts, tasks = t.facts, t.tasks
        events = self._connection.execute(
            select(facts.c.event).where(
                facts.c.run == self._row.id, facts.c.sequence == sequence, facts.c.scope == scope,
                facts.c.recovery == self._row.recovery,
            )
        ).scalars()  # fmt: skip
        rows = self._connection.execute(
            select(tasks.c.step, tasks.c.status).where(
                tasks.c.run == self._row.id, tasks.c.sequence == sequence, tasks.c.scope == scope,
                tasks.c.recovery == self._row.recovery,
            )
        )  # fmt: skip
        return list(events), [(step, TaskStatus(status)) for step, status in rows]

    def ended(self, scope: str, sequence: str) -> Iterator[tuple[str, TaskStatus]]:
        """The tasks of one iteration in the latest recovery that walked it and counts for the present one."""
        iterations, tasks = t.iterations, t.tasks
        recovery = select(func.max(iterations.c.recovery)).where(
            iterations.c.run == self._row.id, iterations.c.sequence == sequence, iterations.c.scope == scope,
            (iterations.c.recovery <= self._upto) | (iterations.c.recovery == self._row.recovery),
        )  # fmt: skip
        query = select(tasks.c.step, tasks.c.status).where(
            tasks.c.run == self._row.id, tasks.c.sequence == sequence, tasks.c.scope == scope,
            tasks.c.recovery == recovery.scalar_subquery(),
        )  # fmt: skip
        return ((step, TaskStatus(status)) for step, status in self._connection.execute(query))


def _of_task(table: Table, row: RunRow, step: str, sequence: str) -> ColumnElement[bool]:
    """Whether a row speaks of the step at the sequence, in whichever recovery."""
    return and_(table.c.run == row.id, table.c.sequence == sequence, table.c.step == step)
