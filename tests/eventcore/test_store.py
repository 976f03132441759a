"""Where runs are kept: a tag, a path, memory, a URL, or the file beside the program."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.errors import ConfigError, StoreError, StoreVersionError
from tests.support import eventor, rows, run_script, start

pytestmark = pytest.mark.sqlite


def ran(store: Any, **config: Any) -> evr.Eventor:
    """A program that ran once against the store."""
    ev = eventor(store, **config)
    start(ev, ev.add_step("s", int))
    assert ev.run()
    return ev


def test_a_path_is_a_sqlite_file(tmp_path: Path) -> None:
    ran(tmp_path / "a.db")
    ran(str(tmp_path / "b.sqlite"))
    for name in ("a.db", "b.sqlite"):
        assert (tmp_path / name).read_bytes().startswith(b"SQLite format 3")


def test_a_path_may_be_relative_or_of_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    ran("a.db")
    ran("~/b.db")
    assert {path.name for path in tmp_path.glob("?.db")} == {"a.db", "b.db"}


def test_memory_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran(":memory:").close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["sqlite:///{}/run.db", "sqlite+pysqlite:///{}/run.db"])
def test_a_sqlite_url_is_a_file(tmp_path: Path, url: str) -> None:
    ran(url.format(tmp_path))
    assert len(rows(tmp_path / "run.db", "select * from {runs}")) == 1


@pytest.mark.parametrize("entry", ["{}/run.db", {"dialect": "sqlite", "database": "{}/run.db"}, {"file": "{}/run.db"}])
def test_a_tag_of_the_configs_databases_is_looked_up_first(tmp_path: Path, entry: Any) -> None:
    if isinstance(entry, str):
        entry = entry.format(tmp_path)
    else:
        entry = {key: value.format(tmp_path) for key, value in entry.items()}
    ran("mine", DATABASE={"mine": entry})
    assert (tmp_path / "run.db").exists()


def test_without_a_store_the_default_database_is_taken(tmp_path: Path) -> None:
    assert ran("", DATABASE={"default": str(tmp_path / "run.db")}).store == str(tmp_path / "run.db")
    assert (tmp_path / "run.db").exists()


def test_without_any_the_store_lies_beside_the_program(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    done = run_script("""
        import os
        import eventcore as evr

        os.chdir("elsewhere")
        ev = evr.Eventor()
        assert ev.run()
        print(ev.store, ev.name)
        """, tmp_path)  # fmt: skip
    assert done.stdout.split() == [str(tmp_path / "script.run.db"), "script"], done.stderr
    assert (tmp_path / "script.run.db").exists()


def test_sqlite_runs_in_wal_mode_and_every_table_has_the_prefix(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ran(store)
    assert rows(store, "pragma journal_mode") == [("wal",)]
    tables = [name for (name,) in rows(store, "select name from sqlite_master where type = 'table'")]
    assert tables
    assert all(name.startswith("eventcore_") for name in tables)


def _not_a_database(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_text("These are notes, and no database, and longer than a header of SQLite would be." * 20)
    return path


def _newer(folder: Path) -> Path:
    path = folder / "run.db"
    ran(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update eventcore_schema_version set version = 999")
    return path


def _file_in_the_way(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "run.db"


BAD: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "a file that is no database": (_not_a_database, StoreError, ["notes.txt", "not a database", "another path"]),
    "a store newer than the code": (_newer, StoreVersionError, ["run.db", "version 999", "upgrade the package"]),
    "a folder": (lambda folder: folder, StoreError, ["is a folder", "path of a file in it"]),
    "a folder that is not there": (lambda folder: folder / "no" / "run.db", StoreError,
                                   ["no/run.db", "does not exist", "create it"]),
    "a file where a folder should be": (_file_in_the_way, StoreError, ["file/run.db", "does not exist"]),
    "another kind of database": (lambda folder: "oracle://me:secret@host/db", StoreError, ["oracle://", "sqlite://"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_store_that_cannot_be_used_is_refused_before_anything_runs(tmp_path: Path, case: str) -> None:
    make, error, words = BAD[case]
    happened: list[str] = []
    ev = eventor(make(tmp_path))
    start(ev, ev.add_step("s", happened.append, ("ran",)))
    with pytest.raises(error) as refused:
        ev.run()
    for word in words:
        assert word in str(refused.value)
    assert happened == []


@pytest.mark.parametrize("entry", [5, [1], {"dialect": "sqlite"}])
def test_a_database_entry_that_says_no_database_is_refused(entry: Any) -> None:
    with pytest.raises(ConfigError, match="DATABASE: mine"):
        eventor("mine", DATABASE={"mine": entry})


def test_a_shared_store_wants_the_run_to_be_named(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ran(store, shared_db=True)
    ev = eventor(store, evr.RunMode.recover, shared_db=True)
    with pytest.raises(ConfigError, match=r"shared_db.*give run_id"):
        ev.run()


def test_each_identity_is_a_key_of_the_database(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ran(store)
    for table in ("facts", "tasks", "runs"):
        with closing(sqlite3.connect(store)) as connection, connection:
            columns = [row[1] for row in connection.execute(f"pragma table_info(eventcore_{table})")]
            again = ", ".join("null" if column == "id" else f'"{column}"' for column in columns)
            with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
                connection.execute(f"insert into eventcore_{table} select {again} from eventcore_{table}")
