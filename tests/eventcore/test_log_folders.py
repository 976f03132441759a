"""Logs in a folder that everybody may write to: no user can read, redirect or prevent those of another."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.act.own_folder import log_root
from eventcore.record.reading import reading
from tests.support import eventor, start
from tests.system import not_there

OWN = f"eventcore-{os.geteuid()}"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder as the system's for temporary files."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def says(text: str) -> Callable[[], None]:
    return lambda: print(text)


def logs_of(store: Path, logdir: Path, *works: Callable[[], object]) -> list[Path]:
    """The log files of a new run of so many steps, found by what the run records."""
    ev = eventor(store, run_id="run", logdir=str(logdir), console=False)
    start(ev, *(ev.add_step(f"s{number}", work) for number, work in enumerate(works)))
    assert ev.run()
    with reading(str(store)) as reader:
        root = reader.run("run", 0.0).origin["logdir"]
    return sorted(Path(root, "program", "run").rglob("*.log"))


def test_they_are_in_a_folder_of_the_users_own(shared: Path, tmp_path: Path) -> None:
    [log] = logs_of(tmp_path / "s.db", shared, says("hello"))
    assert log == shared / OWN / "program/run/s0@1.1.log"
    assert log.read_text() == "hello\n"
    assert stat.S_IMODE((shared / OWN).stat().st_mode) == 0o700


def test_a_folder_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    assert logs_of(tmp_path / "s.db", tmp_path, says("hello")) == [tmp_path / "program/run/s0@1.1.log"]


def test_the_default_is_in_the_systems_folder_for_temporary_files() -> None:
    assert Path(log_root(eventor().config.logdir)[0]).parent == Path("/tmp")


def link(place: Path, elsewhere: Path) -> None:
    place.symlink_to(elsewhere)


def other_users(place: Path, _: Path) -> None:
    if os.geteuid() != 0:
        not_there("only root can make a folder of another user")
    place.mkdir(0o777)
    os.chown(place, 65534, 65534)


def open_to_all(place: Path, _: Path) -> None:
    place.mkdir()
    place.chmod(0o777)


def plain_file(place: Path, _: Path) -> None:
    place.touch()


@pytest.mark.parametrize("taken", [link, other_users, open_to_all, plain_file])
def test_a_name_that_others_have_taken_is_left_to_them(
    shared: Path, tmp_path: Path, taken: Callable[[Path, Path], None]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    taken(shared / OWN, elsewhere)
    assert logs_of(tmp_path / "s.db", shared, says("hello")) == [shared / f"{OWN}.1" / "program/run/s0@1.1.log"]
    assert not list(elsewhere.iterdir())


def test_a_link_that_takes_the_folders_place_during_a_run_is_not_followed(shared: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def replace() -> None:
        (shared / OWN).rename(shared / "moved")
        (shared / OWN).symlink_to(elsewhere)

    logs_of(tmp_path / "s.db", shared, replace, says("hello"))
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("construct", ["invoke", "process"])
def test_a_log_file_that_is_a_link_is_not_written_to(tmp_path: Path, construct: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious\n")
    log = tmp_path / "logs/program/run/s0@1.1.log"
    log.parent.mkdir(parents=True)
    log.symlink_to(victim)
    ev = evr.Eventor("program", ":memory:", run_id="run", logging_level="CRITICAL",
                     config={"logdir": str(tmp_path / "logs"), "task_construct": construct})  # fmt: skip
    start(ev, ev.add_step("s0", says("hello")))
    assert ev.run()
    assert victim.read_text() == "precious\n"
