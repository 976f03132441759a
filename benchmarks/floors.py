"""The floors that the engine is measured against: the least that the same promise costs without it."""

from __future__ import annotations

import multiprocessing
import queue
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Column, Integer, MetaData, Table, Text, create_engine, event, insert, update

from benchmarks.steps import nothing
from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.executor import Setting
from eventcore.act.executors.process import ProcessExecutor
from eventcore.act.steplog import LogTarget


def core_commits(path: Path, durability: str, count: int, *, also_updates: bool = False) -> float:
    """Seconds to open a store, make `count` commits of one new row each and close it: SQLAlchemy Core, SQLite, WAL.

    With `also_updates`, each commit changes the row before it, too: two statements and a commit.
    """
    began = time.perf_counter()
    engine = create_engine(f"sqlite:///{path}", isolation_level="AUTOCOMMIT")

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if durability == 'full' else 'NORMAL'}")

    metadata = MetaData()
    states = Table("states", metadata, Column("id", Integer, primary_key=True), Column("state", Text))
    metadata.create_all(engine)
    with engine.connect() as connection:
        for number in range(count):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.execute(insert(states), [{"id": number, "state": "success"}])
            if also_updates:
                connection.execute(update(states).where(states.c.id == number - 1).values(state="success"))
            connection.exec_driver_sql("COMMIT")
    engine.dispose()
    return time.perf_counter() - began


class BarePool:
    """The process executor by itself, without store and decisions; its calls are those that an engine would make."""

    def __init__(self, workers: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._done: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._executor = ProcessExecutor(lambda ticket, _: self._done.put(ticket), Setting("process", workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.close()
        self._folder.cleanup()

    def chain(self, count: int) -> float:
        """Seconds for `count` calls one after another."""
        began = time.perf_counter()
        for number in range(count):
            self._executor.start(number, self._call(number), None)
            self._done.get()
        return time.perf_counter() - began

    def fan_out(self, count: int) -> float:
        """Seconds for `count` calls submitted together."""
        began = time.perf_counter()
        for number in range(count):
            self._executor.start(number, self._call(number), None)
        for _ in range(count):
            self._done.get()
        return time.perf_counter() - began

    def _call(self, number: int) -> Call:
        environment = {"EVENTOR_STEP_NAME": f"s{number}", "EVENTOR_STEP_SEQUENCE": "1", "EVENTOR_STEP_RECOVERY": "0"}
        log = LogTarget(self._folder.name)
        return Call(nothing, (), {}, Current(f"s{number}", "1", 0, 1, "run"), environment, log)


def standard_chain(count: int) -> float:
    """Seconds for the standard library's pool of one spawned worker to make `count` calls one after another."""
    began = time.perf_counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        for _ in range(count):
            pool.submit(nothing).result()
    return time.perf_counter() - began


def pool_chain(count: int) -> float:
    """Seconds to start a bare pool of one worker, make `count` calls one after another, and end it."""
    began = time.perf_counter()
    with BarePool(1) as pool:
        pool.chain(count)
    return time.perf_counter() - began


def pool_fan_out(count: int) -> float:
    """Seconds to start a bare pool of two workers, make `count` calls submitted together, and end it."""
    began = time.perf_counter()
    with BarePool(2) as pool:
        pool.fan_out(count)
    return time.perf_counter() - began
