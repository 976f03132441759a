"""Several users with one program in one store: each meets their own runs, unless they ask for others'."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.test_shell import sequent
from tests.commands import COMMAND
from tests.crash.processes import eventually

FLOW = """
import time
from pathlib import Path
import sequent as seq

def work(name):
    Path(f"{name} began").touch()
    while not Path("gate").exists():
        time.sleep(0.02)

def build(name: str = "quick") -> seq.Sequent:
    flow = seq.Sequent("work", config={"logdir": "logs"})
    flow.add_step("work", work if name != "quick" else print, args=(name,))
    return flow
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with a run of ann and two of bob; the user is ann."""
    (tmp_path / "flow.py").write_text(FLOW)
    for name, run_id in (("ann", "hers"), ("bob", "first"), ("bob", "second")):
        become(monkeypatch, name)
        sequent(tmp_path, "run", "-q", "flow.py:build", "--run-id", run_id)
    become(monkeypatch, "ann")
    return tmp_path


def become(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in ("LOGNAME", "USER"):
        monkeypatch.setenv(variable, name)


def listed(folder: Path, *options: str) -> list[str]:
    found = json.loads(sequent(folder, "runs", "flow.run.db", "--json", *options).stdout)
    return [run["run_id"] for run in found]


def test_runs_lists_ones_own_and_says_that_there_are_others(folder: Path) -> None:
    done = sequent(folder, "runs", "flow.run.db")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["run", "hers"]
    assert done.stderr == "sequent: left out: 2 runs of bob; to include them, add --all-users\n"
    assert listed(folder) == ["hers"]


def test_runs_of_all_users_says_whose_they_are(folder: Path) -> None:
    done = sequent(folder, "runs", "flow.run.db", "--all-users")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["second", "bob"], ["first", "bob"], ["hers", "ann"]
    ]  # fmt: skip
    assert done.stderr == ""
    assert listed(folder, "--all-users") == ["second", "first", "hers"]


def test_who_has_no_run_is_told_of_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "cid")
    done = sequent(folder, "runs", "flow.run.db", code=3)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "store flow.run.db has no runs of yours",
        "sequent: left out: 3 runs of ann, bob; to include them, add --all-users",
    ]


def test_clean_deletes_ones_own(folder: Path) -> None:
    sequent(folder, "clean", "flow.run.db", "--keep", "0")
    assert listed(folder, "--all-users") == ["second", "first"]
    done = sequent(folder, "clean", "flow.run.db", "--keep", "0", code=3)
    assert "left out: 2 runs of bob" in done.stderr
    sequent(folder, "clean", "flow.run.db", "--keep", "1", "--all-users")
    assert listed(folder, "--all-users") == ["second"]


def test_verbs_without_a_run_id_take_ones_own(folder: Path) -> None:
    status = json.loads(sequent(folder, "status", "flow.py:build", "--json").stdout)
    assert status["run_id"] == "hers"
    sequent(folder, "rerun", "-q", "flow.py:build", "work")
    states = {run["run_id"]: run["recovery"] for run in
              json.loads(sequent(folder, "runs", "flow.run.db", "--json", "--all-users").stdout)}  # fmt: skip
    assert states == {"hers": 1, "first": 0, "second": 0}


def test_a_run_of_another_user_does_not_count_as_overlap(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, "bob")
    arguments = ["run", "-q", "flow.py:build", "--param", "name=his", "--run-id", "third"]
    his = subprocess.Popen([str(COMMAND), *arguments], cwd=folder)
    try:
        eventually((folder / "his began").exists, "the work of bob")
        done = sequent(folder, "run", "-q", "flow.py:build", "--overlap", "skip", "--run-id", "fourth")
        assert "skipped: run 'third' of program 'work' is under way" in done.stderr
        become(monkeypatch, "ann")
        sequent(folder, "run", "-q", "flow.py:build", "--overlap", "skip", "--run-id", "fifth")
        assert listed(folder, "--all-users") == ["fifth", "third", "second", "first", "hers"]
    finally:
        (folder / "gate").touch()
        his.wait()
