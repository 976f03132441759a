"""What is wrong with the rows of a store that cannot be understood, such as one whose bytes have flipped.

Nobody looks for it beforehand: it is found out when something has failed, to say so in place of the failure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.exc import DBAPIError

from eventcore.define.answer import RequestStatus
from eventcore.define.due import LATEST
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import read
from eventcore.errors import EventcoreError, StoreError
from eventcore.record import schema as t
from eventcore.record.backend import Backend, backend_at


@contextmanager
def diagnosed(connection: Connection) -> Iterator[None]:
    """Have the driver's errors raised as `StoreError`s, and any unexpected one where the store is damaged."""
    try:
        with backend_at(connection).reported():
            yield
    except (EventcoreError, OSError):
        raise
    except Exception as error:
        found = damage(connection)
        if found is None:
            raise
        raise damaged(backend_at(connection), found) from error


def damaged(backend: Backend, found: object) -> StoreError:
    """The error that says what has been found."""
    return StoreError(f"store {backend.name} is damaged: {found}; restore it from a backup, or start a new store")


def damage(connection: Connection) -> str | None:
    """The first defect of the store, in words; None where it has none that is known."""
    try:
        found = backend_at(connection).defect(connection)
        if found is not None:
            return found
        for table in t.metadata.sorted_tables:
            for row in connection.execute(select(*(column.label(column.name) for column in table.columns))).mappings():
                for column in table.columns:
                    wrong = _wrong(table, column, row[column.name])
                    if wrong is not None:
                        return f"table {table.name}, column {column.name}: {wrong}"
        return _missing(connection)
    except DBAPIError as error:
        return str(error.orig)
    except (ValueError, TypeError, OverflowError) as error:  # of what a driver makes of a value
        return str(error)


def _wrong(table: Table, column: Column[Any], value: Any) -> str | None:
    if value is None:
        return None if column.nullable else "a value is missing"
    expected: type = column.type.python_type
    if expected is float:
        if not isinstance(value, (int, float)) or not math.isfinite(value) or not abs(value) <= LATEST:
            return f"{value!r:.60} is no number of seconds"
    elif not isinstance(value, expected):
        return f"{value!r:.60} is not of type {expected.__name__}"
    check = CHECKS.get((table.name.removeprefix(t.PREFIX), column.name))
    try:
        if check is not None:
            check(value)
    except (ValueError, TypeError, LookupError, RecursionError, StoreError) as error:
        return f"{value!r:.60}: {error}"
    return None


def _missing(connection: Connection) -> str | None:
    """What rows speak of and is not there."""
    entered = select(t.recoveries.c.run, t.recoveries.c.recovery)
    known = {(run, recovery) for run, recovery in connection.execute(entered)}
    for run, run_id, recovery in connection.execute(select(t.runs.c.id, t.runs.c.run_id, t.runs.c.recovery)):
        if (run, recovery) not in known:
            return f"run {run_id!r} has no recovery {recovery}"
    for run in connection.execute(select(t.runs).where(t.runs.c.holder.is_not(None))):
        if None in (run.holder_host, run.holder_pid, run.holder_started, run.heartbeat, run.lease_term):
            return f"run {run.run_id!r} has a part of a lease only"
    programs = set(connection.execute(select(t.programs.c.id)).scalars())
    for run, program in connection.execute(select(t.recoveries.c.run, t.recoveries.c.program_id)):
        if program not in programs:
            return f"the program of run number {run} is missing"
    items = t.items
    for size, keys, values in connection.execute(select(items.c.size, items.c["keys"], items.c["values"])):
        if {len(json.loads(text)) for text in (keys, values) if text is not None} != {size}:
            return "a loop has more keys, items or places than it has of the others"
    return None


def _json(kind: type) -> Callable[[Any], None]:
    def check(text: str) -> None:
        if not isinstance(json.loads(text), kind):
            raise ValueError(f"not JSON of type {kind.__name__}")

    return check


def _at_least(least: int) -> Callable[[Any], None]:
    def check(number: int) -> None:
        if not least <= number < 2**31:
            raise ValueError("out of range")

    return check


def _sequence(text: str) -> None:
    if not all(text.split(".")):
        raise ValueError("not a sequence")


def _checks() -> Iterator[tuple[tuple[str, str], Callable[[Any], Any]]]:
    for table in t.metadata.tables.values():
        name = table.name.removeprefix(t.PREFIX)
        for column, check in (("sequence", _sequence), ("recovery", _at_least(0)), ("try", _at_least(0))):
            if column in table.c:
                yield (name, column), check
    for name in ("tasks", "iterations", "attempts"):
        yield (name, "status"), TaskStatus
    yield ("recoveries", "verdict"), Verdict
    yield ("recoveries", "looks_back_to"), _at_least(-1)
    yield ("requests", "status"), RequestStatus
    yield ("requests", "argument"), _json(dict)
    yield ("programs", "document"), read
    yield ("recoveries", "report"), _json(dict)
    yield ("runs", "source"), _json(dict)
    yield ("tasks", "raised"), _json(list)
    yield ("items", "keys"), _json(list)
    yield ("items", "values"), _json(list)
    yield ("items", "first"), _at_least(1)
    yield ("iterations", "number"), _at_least(0)
    for column in ("items", "begun", "over", "failed", "cancelled"):
        yield ("loops", column), _at_least(0)
    yield ("results", "value"), json.loads


CHECKS: Mapping[tuple[str, str], Callable[[Any], Any]] = dict(_checks())
