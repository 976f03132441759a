"""Large results that cannot be kept, or not be read again, are failures of their steps."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.errors import StoreError
from eventcore.record import result_files
from tests.support import boom, eventor, flow, rows, start
from tests.system import not_there


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        not_there("only root can mount a small disk, and only where the system lets it")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def errors(store: Path) -> list[str]:
    return [error for (error,) in rows(store, "select error from {attempts} where error is not null")]


@pytest.mark.sqlite
def test_a_result_that_cannot_be_kept_is_a_failure_of_its_step(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    store.with_name("s.db.results").write_text("a file where the folder should be")
    ev = eventor(store, max_result_size=100, stop_on_exception=False)
    start(ev, ev.add_step("large", lambda: "x" * 101), ev.add_step("other", lambda: "small"))
    assert not ev.run()
    assert rows(store, "select step, status from {tasks} order by step") == [("large", "failure"), ("other", "success")]
    [error] = errors(store)
    assert error.startswith("StoreError: the result, 103 characters long, cannot be kept in")
    assert "s.db.results" in error


def test_a_result_that_cannot_be_kept_is_kept_by_a_later_try(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    obstacle = store.with_name("s.db.results")
    obstacle.touch()

    def work() -> str:
        if evr.current().try_number == 2:
            obstacle.unlink()
        return "x" * 101

    ev = eventor(store, max_result_size=100, retries=1)
    start(ev, ev.add_step("large", work))
    assert ev.run()
    assert rows(store, "select value is null, file is not null from {results}") == [(1, 1)]


def test_the_result_of_a_later_try_counts(tmp_path: Path) -> None:
    store = tmp_path / "s.db"

    def work() -> str:
        if evr.current().try_number == 2:
            return "small"
        evr.current().trigger("unknown")
        return "x" * 101

    ev = eventor(store, max_result_size=100, retries=1)
    start(ev, ev.add_step("work", work))
    assert ev.run()
    assert ev.result("work") == "small"


@pytest.mark.sqlite
def test_the_results_folder_of_another_user_fails_the_step_alone(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        not_there("only root can act as another user")

    def as_another_user() -> str:
        os.seteuid(65534)
        return "x" * 100

    ev = eventor(tmp_path / "s.db", max_result_size=10, stop_on_exception=False)
    start(ev, ev.add_step("large", as_another_user), ev.add_step("other", lambda: None))
    try:
        assert not ev.run()
    finally:
        os.seteuid(0)
    assert "Permission denied" in errors(tmp_path / "s.db")[0]
    assert rows(tmp_path / "s.db", "select status from {tasks} where step = 'other'") == [("success",)]


@pytest.mark.sqlite
def test_a_result_that_the_disk_has_no_room_for_is_a_failure_of_its_step(small_disk: Path) -> None:
    store = small_disk / "s.db"
    ev = eventor(store, max_result_size=100, stop_on_exception=False)
    start(ev, ev.add_step("large", lambda: "x" * 2_000_000), ev.add_step("after", lambda: "y" * 1000))
    assert not ev.run()
    assert "No space left on device" in errors(store)[0]
    assert rows(store, "select step, status from {tasks} order by step") == [("after", "success"), ("large", "failure")]
    assert [file.stat().st_size for file in small_disk.rglob("s.db.results/*/*")] == [1002]


@pytest.mark.sqlite
def test_a_disk_too_full_for_the_store_ends_the_run_with_one_error(small_disk: Path) -> None:
    ev = eventor(small_disk / "s.db")
    start(ev, ev.add_step("fills", lambda: fill(small_disk)))
    with pytest.raises(StoreError, match=r"^recording the run failed: .*disk is full.*, then recover the run$"):
        ev.run()


def fill(disk: Path) -> None:
    with (disk / "filling").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            return


def uses_a_large_result(store: Path, mode: evr.RunMode, *, works: bool) -> bool:
    fl = flow(store, mode, max_result_size=10)
    made = fl.add_step("made", lambda: "x" * 100)
    fl.add_step("used", lambda text: text if works else boom(), args=(made.result,))
    return fl.run()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "cut": lambda file: file.write_text('"xxx'),
    "flipped": lambda file: file.write_bytes(b"\xff" + file.read_bytes()[1:]),
}


@pytest.mark.sqlite
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_result_that_cannot_be_read_is_a_failure_of_the_step_that_uses_it(tmp_path: Path, damage: str) -> None:
    store = tmp_path / "s.db"
    assert not uses_a_large_result(store, evr.RunMode.restart, works=False)
    [file] = store.with_name("s.db.results").rglob("*.json")
    DAMAGES[damage](file)
    assert not uses_a_large_result(store, evr.RunMode.recover, works=True)
    assert errors(store)[-1].startswith("StoreError: the result of step 'made' at 1 cannot be used: ")
    statuses = rows(store, "select step, status from {tasks} where recovery = 1 order by step")
    assert statuses == [("made", "skipped"), ("used", "failure")]


@pytest.mark.sqlite
def test_a_store_cannot_have_other_files_read_as_results(tmp_path: Path) -> None:
    store, other = tmp_path / "s.db", tmp_path / "other.json"
    other.write_text('"secret"')
    assert not uses_a_large_result(store, evr.RunMode.restart, works=False)
    for name in (str(other), "../../other.json"):
        with closing(sqlite3.connect(store)) as connection, connection:
            connection.execute("update eventcore_results set file = ? where file is not null", (name,))
        with pytest.raises(StoreError, match="its file cannot be called"):
            evr.stored_run(store).result("made")


def test_the_entries_of_new_folders_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(result_files, "_sync", synced.append)
    folder = tmp_path / "s.db.results"
    result_files.ResultFiles(folder).write("run", "x")
    [of_run] = folder.iterdir()
    assert synced == [of_run, folder, tmp_path]
    synced.clear()
    files = result_files.ResultFiles(folder)  # of another process, whose forerunner may have died before it synced
    for text in ("y", "z"):
        files.write("run", text)
    assert synced == [of_run, folder, tmp_path, of_run]
