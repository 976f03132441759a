"""Stores of every kind for the suites: a new backend is one more entry of `KINDS`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

import eventcore as evr
from eventcore.record import requests, schema
from eventcore.record.database import open_database
from eventcore.record.reading import Reader, reading
from eventcore.record.store import Store
from eventcore.record.views import RunView
from tests.property.reading import share
from tests.servers import stores
from tests.support import eventor

KINDS: dict[str, Callable[[Path], str]] = {
    "file": lambda folder: str(folder / "runs.db"),
    "memory": lambda folder: ":memory:",
    "postgresql": stores.postgresql,
    "mariadb": stores.mariadb,
}
SHARED = [kind for kind in KINDS if kind != "memory"]  #: those that others can open, too
LOCAL = ["file", "memory"]  #: those of this machine alone
REMOTE = ["postgresql", "mariadb"]  #: those on servers


@dataclass(frozen=True)
class Place:
    """An open store and what goes on in it."""

    store: Store

    @property
    def location(self) -> str:
        return self.store.location

    def program(self, mode: evr.RunMode = evr.RunMode.restart, run_id: str = "run", **config: Any) -> evr.Eventor:
        """A program without steps that keeps its runs here."""
        made = eventor(self.location, mode, run_id=run_id, durability="normal", **config)
        if not self.store.backend.is_shared:
            share(made, self.store)
        return made

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Whoever reads here: another connection where there can be one."""
        if self.store.backend.is_shared:
            with reading(self.location) as reader:
                yield reader
        else:
            yield Reader(self.store.connection, self.location)

    def run(self, run_id: str = "run") -> RunView:
        """How a run stands."""
        with self.reader() as reader:
            return reader.run(run_id, time.time())

    def ask(self, verb: str, run_id: str = "run") -> None:
        """Have a user ask something of a run."""
        requests.ask(self.store.connection, self.run(run_id).id, verb, {}, time.time())

    def everything(self) -> dict[str, set[tuple[Any, ...]]]:
        """All rows of all tables."""
        connection = self.store.connection
        return {
            table.name: set(map(tuple, connection.execute(select(table)))) for table in schema.metadata.sorted_tables
        }


def rows(store: str, query: str) -> list[tuple[Any, ...]]:
    """What the store says; tables by their names without the prefix, as in `{tasks}`."""
    tables = {name.removeprefix(schema.PREFIX): name for name in schema.metadata.tables}
    database = open_database(store, create=False)
    try:
        with database.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query.format(**tables)).all()]
    finally:
        database.dispose()


def chained(program: evr.Eventor, *functions: Callable[[], Any]) -> evr.Eventor:
    """Have the program run the functions one after another, as `s1`, `s2` and so on."""
    event = program.add_event("go")
    program.trigger_event(event, 1)
    for number, function in enumerate(functions, 1):
        done = program.add_event(f"done {number}")
        step = program.add_step(f"s{number}", function, triggers={evr.StepStatus.success: [done]})
        program.add_assoc(event, step)
        event = done
    return program


def succeed() -> str:
    """A step that succeeds."""
    return "fine"


def fail() -> None:
    """A step that fails."""
    raise ValueError("broken")
