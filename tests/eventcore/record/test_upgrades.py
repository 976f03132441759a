"""Stores of other versions: a newer one and an unreleased one are refused, an older one is upgraded once and whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, MetaData, Text, select, update

import eventcore as evr
from eventcore.define.event import EventKind
from eventcore.define.status import RunMode
from eventcore.define.stored import read
from eventcore.errors import RunHeldError, StoreError, StoreVersionError
from eventcore.record import lease, schema
from eventcore.record.backend import backend_at
from eventcore.record.database import transaction
from eventcore.record.reading import reading
from eventcore.record.store import Store, opened
from eventcore.record.upgrades import prepare
from tests.crash.processes import eventually
from tests.eventcore.record.places import KINDS, LOCAL, SHARED, Place, chained
from tests.support import ROOT

NEXT = schema.VERSION + 1


def colour(connection: Connection) -> None:
    """A made-up upgrade: a new column; on SQLite in a table made anew that others depend on."""
    if backend_at(connection).is_remote:
        connection.exec_driver_sql(
            f"ALTER TABLE {schema.runs.name} ADD COLUMN IF NOT EXISTS colour VARCHAR(9) DEFAULT 'red'"
        )
        return
    made = schema.runs.to_metadata(MetaData(), name="made_anew")
    made.append_column(Column("colour", Text, server_default="red"))
    made.create(connection)
    columns = ", ".join(schema.runs.columns.keys())
    connection.exec_driver_sql(f"INSERT INTO made_anew ({columns}) SELECT {columns} FROM {schema.runs.name}")
    connection.exec_driver_sql(f"DROP TABLE {schema.runs.name}")
    connection.exec_driver_sql(f"ALTER TABLE made_anew RENAME TO {schema.runs.name}")


def colours(store: Store) -> list[str]:
    return list(store.connection.exec_driver_sql(f"SELECT colour FROM {schema.runs.name}").scalars())


def lose_the_runs(connection: Connection) -> None:
    """An upgrade with a defect."""
    connection.exec_driver_sql(f"DELETE FROM {schema.runs.name}")


#: on servers nobody has stores of such versions, and tables do not refer to each other
on_sqlite = pytest.mark.parametrize("place", LOCAL, indirect=True)


def version(store: Store) -> list[int]:
    return list(store.connection.execute(select(schema.schema_version.c.version)).scalars())


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A store with a run, of the present version."""
    with closing(opened(KINDS[request.param](tmp_path), "normal")) as store:
        found = Place(store)
        assert chained(found.program(), int).run()
        yield found


def test_an_upgrade_keeps_what_the_store_has(place: Place) -> None:
    before = place.everything()
    prepare(place.store.connection, NEXT, {NEXT: colour})
    assert version(place.store) == [NEXT]
    after = place.everything()
    del before[schema.schema_version.name], after[schema.schema_version.name]
    assert after == before
    assert colours(place.store) == ["red"]


def as_version_3(store: Store) -> None:
    """Bring a store back to what version 3 wrote."""
    store.connection.exec_driver_sql("DROP TABLE eventcore_engines")
    for index in schema.recoveries.indexes:
        index.drop(store.connection)
    for table, column in (
        ("runs", "turn"),
        ("runs", "submitted"),
        ("tasks", "deadline"),
        ("tasks", "ticket"),
        ("facts", "value"),
    ):
        store.connection.exec_driver_sql(f"ALTER TABLE eventcore_{table} DROP COLUMN {column}")
    store.connection.execute(update(schema.schema_version).values(version=3))


def as_version_2(store: Store, document: Callable[[str], str]) -> None:
    """Bring a store back to what version 2 wrote."""
    as_version_3(store)
    for column in ("holder_boot", "holder_namespace", "heartbeat_since_boot"):
        store.connection.exec_driver_sql(f"ALTER TABLE eventcore_runs DROP COLUMN {column}")
    for number, written in store.connection.exec_driver_sql("SELECT id, document FROM eventcore_programs").all():
        store.connection.execute(
            update(schema.programs).where(schema.programs.c.id == number).values(document=document(written))
        )
    store.connection.execute(update(schema.schema_version).values(version=2))


@on_sqlite
def test_a_store_of_version_2_keeps_its_programs(place: Place) -> None:
    programs = place.everything()[schema.programs.name]
    as_version_2(place.store, lambda written: written)
    prepare(place.store.connection)
    assert version(place.store) == [schema.VERSION]
    assert place.everything()[schema.programs.name] == programs
    assert chained(place.program(RunMode.recover), int).run()


@on_sqlite
def test_inner_events_of_version_2_are_internal(place: Place) -> None:
    as_version_2(place.store, lambda written: written.replace('{"name":"go"}', '{"name":"go","kind":"inner"}'))
    prepare(place.store.connection)
    (row,) = place.store.connection.execute(select(schema.programs)).all()
    assert read(row.document).event_named["go"].kind is EventKind.internal
    assert row.digest == sha256(row.document.encode()).hexdigest()


@on_sqlite
@pytest.mark.parametrize("damaged", ["{", "[]", '{"events":[1]}', "\x00"])
def test_a_damaged_program_does_not_keep_a_store_from_its_upgrade(place: Place, damaged: str) -> None:
    as_version_2(place.store, lambda _: damaged)
    prepare(place.store.connection)
    assert version(place.store) == [schema.VERSION]
    with place.reader() as reader, pytest.raises(StoreError, match="damaged"):
        reader.program(place.run())


def test_upgrades_are_made_one_after_another(place: Place) -> None:
    made: list[int] = []

    def numbered(number: int) -> Callable[[Connection], None]:
        return lambda connection: made.append(number)

    steps = {number: numbered(number) for number in range(NEXT, NEXT + 3)}
    prepare(place.store.connection, NEXT + 1, steps)
    prepare(place.store.connection, NEXT + 1, steps)
    prepare(place.store.connection, NEXT + 2, steps)
    assert made == [NEXT, NEXT + 1, NEXT + 2]
    assert version(place.store) == [NEXT + 2]


@pytest.mark.parametrize("place", [kind for kind in KINDS if kind != "mariadb"], indirect=True)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_upgrade_that_breaks_off_leaves_the_store_as_it_was(place: Place, error: type[BaseException]) -> None:
    def breaks_off(connection: Connection) -> None:
        raise error

    before = place.everything()
    with pytest.raises(error):
        prepare(place.store.connection, NEXT + 1, {NEXT: colour, NEXT + 1: breaks_off})
    assert place.everything() == before
    assert chained(place.program(run_id="next"), int).run()


def test_an_upgrade_that_breaks_off_is_begun_again(place: Place) -> None:
    def breaks_off(connection: Connection) -> None:
        colour(connection)
        raise KeyboardInterrupt

    before = place.everything()
    with pytest.raises(KeyboardInterrupt):
        prepare(place.store.connection, NEXT, {NEXT: breaks_off})
    assert place.everything() == before
    prepare(place.store.connection, NEXT, {NEXT: colour})
    assert (version(place.store), colours(place.store)) == ([NEXT], ["red"])


@on_sqlite
def test_an_upgrade_that_would_tear_rows_apart_is_undone(place: Place) -> None:
    before = place.everything()
    with pytest.raises(StoreError, match="nothing is changed"):
        prepare(place.store.connection, NEXT, {NEXT: lose_the_runs})
    assert place.everything() == before


@on_sqlite
def test_rows_go_with_their_run_after_an_upgrade_as_before(place: Place) -> None:
    prepare(place.store.connection, NEXT, {NEXT: lambda connection: None})
    place.store.connection.exec_driver_sql(f"DELETE FROM {schema.runs.name}")
    assert place.store.connection.execute(select(schema.tasks)).all() == []


def test_a_store_that_an_engine_works_on_is_not_upgraded(place: Place) -> None:
    with transaction(place.store.connection) as connection:
        lease.take(connection, 1, lease.this_engine("me"), 3600.0, time.time())
    before = place.everything()
    with pytest.raises(RunHeldError, match=rf"version {NEXT}, but run 'run' is held by process {os.getpid()}.*wait"):
        prepare(place.store.connection, NEXT, {NEXT: colour})
    assert place.everything() == before
    with transaction(place.store.connection) as connection:
        connection.execute(update(schema.runs).values(holder_pid=1, holder_started="0"))
    prepare(place.store.connection, NEXT, {NEXT: colour})
    assert version(place.store) == [NEXT]


@on_sqlite
def test_a_store_of_version_3_keeps_its_tasks(place: Place) -> None:
    connection = place.store.connection
    before = connection.execute(select(schema.tasks)).all()
    as_version_3(place.store)
    connection.commit()
    prepare(connection)
    assert version(place.store) == [schema.VERSION]
    assert connection.execute(select(schema.tasks)).all() == before
    assert chained(place.program(RunMode.recover), int).run()


# processes


UPGRADER = """\
import pathlib, sys, time
from eventcore.record import schema
from eventcore.record.backend import BACKEND
from eventcore.record.registry import backend_of
from eventcore.record.upgrades import prepare

def slow(connection):
    with open("log", "a") as log:
        log.write("began\\n")
    if "colour" not in {column["name"] for column in connection.dialect.get_columns(connection, schema.runs.name)}:
        connection.exec_driver_sql(f"ALTER TABLE {schema.runs.name} ADD COLUMN colour VARCHAR(9) DEFAULT 'red'")
    connection.exec_driver_sql(f"UPDATE {schema.runs.name} SET colour = 'blue'")
    while not pathlib.Path("go").exists():
        time.sleep(0.01)

backend = backend_of(sys.argv[1])
engine = backend.open("full", create=False)
engine.update_execution_options(**{BACKEND: backend})
with engine.connect() as connection:
    pathlib.Path(sys.argv[2]).touch()
    prepare(connection, schema.VERSION + 1, {schema.VERSION + 1: slow})
print("ready")
"""


@pytest.fixture
def upgrader(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts processes that upgrade a store; each upgrade is logged and waits for the file `go`."""
    started: list[subprocess.Popen[str]] = []

    def start(location: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", UPGRADER, location, f"came {len(started)}"],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(params=SHARED)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    found = KINDS[request.param](tmp_path)
    with closing(opened(found, "normal")) as store:
        assert chained(Place(store).program(), int).run()
    return found


def test_a_killed_upgrade_is_begun_again(
    location: str, tmp_path: Path, upgrader: Callable[[str], subprocess.Popen[str]]
) -> None:
    process = upgrader(location)
    eventually((tmp_path / "log").exists, "the upgrade")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with closing(opened(location)) as store:
        place = Place(store)
        assert version(store) == [schema.VERSION]
        assert chained(place.program(RunMode.recover), int).run()
        prepare(store.connection, NEXT, {NEXT: colour})
        assert version(store) == [NEXT]


def test_two_processes_that_open_at_once_upgrade_once(
    location: str, tmp_path: Path, upgrader: Callable[[str], subprocess.Popen[str]]
) -> None:
    both = [upgrader(location), upgrader(location)]
    for name in ("log", "came 0", "came 1"):
        eventually((tmp_path / name).exists, name)
    (tmp_path / "go").touch()
    for process in both:
        assert process.communicate(timeout=600)[0] == "ready\n"
    assert (tmp_path / "log").read_text() == "began\n"


# stores that cannot be used


VERSIONS = {
    1: "was made by an unreleased version of this package.*remove it, or give another path to start a new store",
    NEXT: f"has schema version {NEXT}, but this package knows only version {schema.VERSION}; upgrade the package",
}


@pytest.mark.parametrize("found", VERSIONS)
def test_stores_of_other_versions_are_refused_by_all_and_stay_as_they_are(location: str, found: int) -> None:
    with closing(opened(location)) as store:
        store.connection.execute(update(schema.schema_version).values(version=found))
        before = Place(store).everything()
        for mode in RunMode:
            with pytest.raises(StoreVersionError, match=VERSIONS[found]) as refused:
                chained(evr.Eventor("program", location, mode), int).run()
            assert location in str(refused.value)
            assert "\n" not in str(refused.value)
        with pytest.raises(StoreVersionError, match=VERSIONS[found]), reading(location):
            pass
        with pytest.raises(StoreVersionError, match=VERSIONS[found]):
            opened(location, create=False)
        assert Place(store).everything() == before
