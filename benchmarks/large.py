"""A store with a large run, made without an engine that walks it: one small run whose loop's rows are multiplied."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from benchmarks.programs import QUIET
from benchmarks.steps import nothing

ITERATIONS = 1_000  #: of the run that is multiplied


def large_run(store: Path, factor: int) -> None:
    """Make a run of a step with a loop of `ITERATIONS * factor` iterations, all of them over."""
    import sequent

    flow = sequent.Sequent("large", store, config={"task_construct": "invoke", **QUIET})
    before = flow.add_step("before", nothing)
    each = flow.add_step("each", nothing, loop=range(ITERATIONS), require=((before, sequent.STEP_SUCCESS),))
    flow.add_step("after", nothing, require=((each, sequent.STEP_SUCCESS),))
    flow.run()
    with closing(sqlite3.connect(store)) as connection:
        for table, step in (("tasks", "step"), ("iterations", "scope"), ("results", "step")):
            _multiply(connection, f"eventcore_{table}", step, factor)
        for name in ("items", "begun", "over"):
            connection.execute(f"update eventcore_loops set {name} = {name} * ?", [factor])
        connection.commit()


def scan(store: Path) -> int:
    """Read every task once, and no more than has to be read to tell how a run stands."""
    with closing(sqlite3.connect(store)) as connection:
        query = "select step, status, count(*) from eventcore_tasks group by step, status"
        return sum(count for _, _, count in connection.execute(query))


def _multiply(connection: sqlite3.Connection, table: str, step: str, factor: int) -> None:
    """Copy the rows of the loop's iterations to further sequences."""
    names = [name for _, name, *_ in connection.execute(f"pragma table_info({table})")]
    columns = ", ".join(f'"{name}"' for name in names)
    copied = ", ".join("sequence || '-' || copy.nth" if name == "sequence" else f'"{name}"' for name in names)
    connection.execute(
        f"insert into {table} ({columns}) "
        "with recursive copy(nth) as (select 1 union all select nth + 1 from copy where nth < ?) "
        f"select {copied} from {table}, copy where {step} like 'each%' and sequence like '1.%'",
        [factor - 1],
    )
