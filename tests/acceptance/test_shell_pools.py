"""What `sequent pools` says of shared pools, and how it changes their limits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.test_shell import sequent
from tests.crash.processes import eventually
from tests.support import rows

FLOW = """
import pathlib, time
import sequent as seq

licences = seq.ResourcePool("licences", 2, scope="cluster")


def wait(name):
    pathlib.Path(f"{name} runs").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)


def build(name: str, units: int = 1) -> seq.Sequent:
    flow = seq.Sequent(name, "s.db", config={"task_construct": "thread", "console": False})
    flow.add_step("solve", wait, args=(name,), acquires=[(licences, units)])
    return flow
"""


def written(folder: Path) -> Path:
    (folder / "flow.py").write_text(FLOW)
    return folder / "s.db"


@contextmanager
def running(folder: Path, name: str, units: int = 1) -> Iterator[None]:
    """A run under way in a process of its own, which must succeed."""
    call = f"from flow import build; raise SystemExit(not build({name!r}, {units}).run(run_id={name!r}))"
    process = subprocess.Popen([sys.executable, "-c", call], cwd=folder)
    try:
        yield
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def waiting(store: Path) -> int:
    return len(rows(store, "SELECT 1 FROM eventcore_units WHERE state = 'waiting'"))


def test_pools_are_told_with_those_who_hold_units_and_those_who_wait(tmp_path: Path) -> None:
    store = written(tmp_path)
    with running(tmp_path, "one"):
        eventually((tmp_path / "one runs").exists, "the first run")
        with running(tmp_path, "two", 2):
            eventually(lambda: waiting(store) == 1, "the second run")
            with running(tmp_path, "three"):
                eventually(lambda: waiting(store) == 2, "the third run")
                told = sequent(tmp_path, "pools").stdout.splitlines()
                (data,) = json.loads(sequent(tmp_path, "pools", "s.db", "--json").stdout)
                two = sequent(tmp_path, "why", "s.db", "solve", "--run-id", "two").stdout
                status = " ".join(sequent(tmp_path, "status", "s.db", "--run-id", "two").stdout.split())
                three = sequent(tmp_path, "why", "s.db", "solve", "--run-id", "three").stdout
                (tmp_path / "go").touch()
    assert told[0] == "'licences' (cluster): 1 of 2 free; limit set by program 'one'"
    assert [line.split()[:4] for line in told[2:]] == [
        ["holds", "1", "solve@1", "one"], ["waits", "2", "solve@1", "two"], ["waits", "1", "solve@1", "three"],
    ]  # fmt: skip
    assert (data["limit"], data["free"], data["scope"], data["host"]) == (2, 1, "cluster", None)
    assert [(one["run_id"], one["units"], one["step"]) for one in data["held"]] == [("one", 1, "solve")]
    assert [(one["run_id"], one["units"], one["state"]) for one in data["waiting"]] == [
        ("two", 2, "waiting"), ("three", 1, "waiting"),
    ]  # fmt: skip
    assert "it needs 2 of 'licences', of which 1 of 2 are free; held by solve@1 of run one (one) (1)" in two
    assert "@1: it needs 2 of 'licences', of which 1 of 2 are free; held by solve@1 of run one (one) (1)" in status
    assert "others are ahead of it in the queue for 'licences': solve@1 of run two (two)" in three


def test_a_limit_is_changed_while_runs_go_on(tmp_path: Path) -> None:
    store = written(tmp_path)
    with running(tmp_path, "one"):
        eventually((tmp_path / "one runs").exists, "the first run")
        assert (
            sequent(tmp_path, "pools", "set", "licences", "0").stdout == "pool 'licences' (cluster) has limit 0 now\n"
        )
        with running(tmp_path, "two"):
            eventually(lambda: waiting(store) == 1, "the second run")
            assert not (tmp_path / "two runs").exists()
            assert "0 of 0 free" in sequent(tmp_path, "pools", "s.db").stdout
            sequent(tmp_path, "pools", "set", "licences", "1", "s.db")
            assert waiting(store) == 1  # the first run has that one
            sequent(tmp_path, "pools", "set", "licences", "2", "--store", "s.db")
            eventually((tmp_path / "two runs").exists, "the unit for the second run")
            (tmp_path / "go").touch()
    told = sequent(tmp_path, "pools").stdout
    assert told.startswith("'licences' (cluster): 2 of 2 free; limit set by ")
    assert "program" not in told
    assert sequent(tmp_path, "pools", "set", "licences", "unlimited").stdout.endswith("has no limit now\n")
    assert "'licences' (cluster): unlimited" in sequent(tmp_path, "pools").stdout


def test_what_cannot_be_set_is_refused_in_a_line(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "go").touch()
    assert "this folder has no store; name one" in sequent(tmp_path, "pools", code=2).stderr
    with running(tmp_path, "one"):
        pass
    assert "no such shared pool 'nope'; it has 'licences' (cluster)" in sequent(
        tmp_path, "pools", "set", "nope", "2", code=2).stderr  # fmt: skip
    for words in (("licences",), ("licences", "-1"), ("licences", "many"), ("licences", "1", "s.db", "more")):
        assert sequent(tmp_path, "pools", "set", *words, code=2).stderr.startswith("sequent: ")


def test_a_store_without_shared_pools_has_nothing_to_tell(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text("import sequent as seq\nflow = seq.Sequent()\nflow.add_step('a', int)\n")
    sequent(tmp_path, "run", "flow.py")
    assert "share no pools" in sequent(tmp_path, "pools", "flow.py", code=3).stderr
