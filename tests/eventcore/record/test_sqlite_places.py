"""SQLite stores in places with odd names, and on media that cannot be written to."""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from eventcore.errors import StoreError
from eventcore.record.reading import reading
from eventcore.record.registry import backend_of
from eventcore.record.store import opened
from eventcore.run.next_action import next_action
from eventcore.run.stored_run import stored_run
from sequent.cli.target import parse_target
from tests.support import boom, eventor, start
from tests.system import not_there

NAMES = [
    "a b.db",
    "who?.db",
    "x?y=1.db",
    "100%20.db",
    "%zz.db",
    "no#1.db",
    "größe 大.db",
    "it's.db",
    "-x.db",
    "file:x.db",
]


def a_run(store: str | Path) -> None:
    ev = eventor(store, run_id="run", max_result_size=10)
    start(ev, ev.add_step("s", lambda: "x" * 100), ev.add_step("t", boom))
    assert not ev.run()


def is_there(store: str) -> bool:
    with reading(store) as reader:
        return reader.run("run", 0.0).state == "failure"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    a_run(name)
    assert {path.name for path in folder.iterdir()} == {name, f"{name}.results"}
    assert is_there(name)
    assert is_there(str(folder / name))
    assert parse_target(name).store == str(Path(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_url_names_a_file_with_percent_signs_for_what_urls_cannot_hold(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{quote(str(tmp_path / name))}"
    a_run(url)
    assert {path.name for path in tmp_path.iterdir()} == {name, f"{name}.results"}
    assert is_there(url)
    assert parse_target(url).store == str(tmp_path / name)


def test_a_link_to_a_store_is_the_store(tmp_path: Path) -> None:
    store, link = tmp_path / "real.db", tmp_path / "links" / "link.db"
    link.parent.mkdir()
    link.symlink_to(store)
    a_run(link)
    assert {path.name for path in tmp_path.iterdir()} == {"links", "real.db", "real.db.results"}
    assert [stored_run(path).result("s") for path in (store, link)] == ["x" * 100, "x" * 100]
    with closing(opened(str(store))) as opener:
        before = backend_of(str(link)).stamp()
        opener.connection.exec_driver_sql("UPDATE eventcore_runs SET wake = 1")
        assert backend_of(str(link)).stamp() != before


def test_the_home_folder_of_nobody_is_refused() -> None:
    with pytest.raises(StoreError, match=r"store ~nobody-at-all/s.db: .*; give a path without ~"):
        opened("~nobody-at-all/s.db")


def test_a_url_with_options_is_refused_instead_of_cut(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="%3F"):
        opened(f"sqlite:///{tmp_path}/s.db?timeout=30")


@pytest.mark.parametrize("name", NAMES)
def test_advice_names_it_so_that_the_shell_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    a_run(name)
    with reading(name) as reader:
        action = next_action(reader.run("run", 0.0), name)
    assert action is not None
    target = shlex.split(action.command)[2]
    assert not target.startswith("-")
    assert Path(target) == Path(name)


@pytest.fixture
def medium(tmp_path: Path) -> Iterator[Path]:
    """A disk on which everything can be made read-only, by `protect`."""
    disk = tmp_path / "a b?#%20é"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        not_there("only root can mount a disk, and only where the system lets it")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def protect(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def test_a_store_on_read_only_media_is_read(medium: Path) -> None:
    store = medium / "s.db"
    a_run(store)
    protect(medium)
    assert is_there(str(store))
    with closing(opened(str(store), create=False)) as found:
        row = found.find_run("program", "run")
        assert found.result(row, "s", "1") == f'"{"x" * 100}"'


def test_a_store_on_read_only_media_is_not_written_to(medium: Path) -> None:
    store = medium / "s.db"
    a_run(store)
    protect(medium)
    with pytest.raises(StoreError, match=r"s\.db: attempt to write a readonly database"):
        a_run(store)


def test_of_a_store_that_is_writable_in_a_folder_that_is_not_the_folder_is_named(medium: Path, tmp_path: Path) -> None:
    store, writable = medium / "s.db", tmp_path / "writable.db"
    a_run(store)
    writable.write_bytes(store.read_bytes())
    protect(medium)
    subprocess.run(["mount", "--bind", str(writable), str(store)], check=True)
    try:
        assert os.access(store, os.W_OK)
        with pytest.raises(
            StoreError, match=r"can only be read: .* folder .* is not writable; correct its permissions"
        ):
            a_run(store)
    finally:
        subprocess.run(["umount", "--lazy", str(store)], check=True)


def test_what_another_user_writes_meanwhile_is_not_overlooked(medium: Path, tmp_path: Path) -> None:
    store, seen = medium / "s.db", tmp_path / "seen"
    seen.mkdir()
    a_run(store)
    with closing(sqlite3.connect(store)) as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert (medium / "s.db-wal").stat().st_size == 0
        subprocess.run(["mount", "--bind", str(medium), str(seen)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(seen)], check=True)
            with closing(opened(str(seen / "s.db"), create=False)) as found:
                writer.execute("UPDATE eventcore_runs SET run_id = 'changed'")
                writer.commit()
                assert found.find_run("program", "changed").run_id == "changed"
        finally:
            subprocess.run(["umount", "--lazy", str(seen)], check=True)


def test_changes_that_a_read_only_medium_holds_apart_are_not_overlooked(medium: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    a_run(store)
    with closing(sqlite3.connect(store)) as writer:
        writer.execute("UPDATE eventcore_runs SET run_id = 'changed'")
        writer.commit()
        for name in ("s.db", "s.db-wal"):
            (medium / name).write_bytes((tmp_path / name).read_bytes())
    protect(medium)
    with pytest.raises(StoreError, match="copy both files"), reading(str(medium / "s.db")):
        pass


def test_the_database_of_another_program_is_refused_by_readers_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as theirs:
        theirs.execute("CREATE TABLE customers (name TEXT)")
    before = file.read_bytes()
    with pytest.raises(StoreError, match="a database of another program"), reading(str(file)):
        pass
    assert file.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["theirs.db"]
