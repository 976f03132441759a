"""Every run of a program at once, as a line in crontab wants it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.test_shell import one_line_error, sequent
from tests.support import rows

FLOW = """
import pathlib
import sequent as seq

def work(name):
    print("work", name)
    if pathlib.Path(f"down-{name}").exists():
        raise OSError("down")

def build(name: str = "x") -> seq.Sequent:
    flow = seq.Sequent("flow", config={"task_construct": "invoke", "stop_on_exception": True})
    first = flow.add_step("first", work, args=(name,))
    flow.add_step("later", print, args=("later", name), require=((first, seq.STEP_SUCCESS),),
                  delay=3600 if pathlib.Path(f"wait-{name}").exists() else 0)
    return flow
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def states(folder: Path) -> dict[str, str]:
    """The verdict of the latest recovery of each run."""
    query = (
        "select r.run_id, c.verdict from {runs} r join {recoveries} c on c.run = r.id and c.recovery = r.recovery "
        "order by r.id"
    )
    return dict(rows(folder / "flow.run.db", query))


def let_delays_end(folder: Path) -> None:
    """Have the time come for every delay."""
    with closing(sqlite3.connect(folder / "flow.run.db")) as connection, connection:
        connection.execute("update eventcore_delays set due = 1")


def begin(folder: Path, name: str, *options: str, code: int = 0) -> None:
    """Start a run that is called as its parameter is."""
    sequent(folder, "run", "-q", "flow.py:build", "--run-id", name, "--param", f"name={name}", *options, code=code)


def test_continue_all_continues_every_pending_run_with_its_own_parameters(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / f"wait-{name}").touch()
        begin(folder, name, "--max-loops", "1")
    begin(folder, "c")
    (folder / "down-d").touch()
    begin(folder, "d", code=1)
    assert states(folder) == {"a": "pending", "b": "pending", "c": "success", "d": "failure"}
    let_delays_end(folder)
    done = sequent(folder, "continue", "-q", "flow.py:build", "--all").stdout
    assert done == "later a\nrun a: success\nlater b\nrun b: success\n"
    assert states(folder) == {"a": "success", "b": "success", "c": "success", "d": "failure"}
    nothing = sequent(folder, "continue", "flow.py:build", "--all", code=3).stderr
    assert "nothing to continue: no run in flow.run.db is pending or interrupted" in nothing


def test_recover_all_recovers_every_failed_run_and_goes_on_after_one_that_fails_again(folder: Path) -> None:
    for name in ("a", "b", "c"):
        (folder / f"down-{name}").touch()
        begin(folder, name, code=1)
    for name in ("b", "c"):
        (folder / f"down-{name}").unlink()
    sequent(folder, "recover", "-q", "flow.run.db", "--all", code=1)
    assert states(folder) == {"a": "failure", "b": "success", "c": "success"}
    (folder / "down-a").unlink()
    sequent(folder, "recover", "-q", "flow.run.db", "--all")
    assert set(states(folder).values()) == {"success"}


def test_recover_all_goes_on_after_a_run_whose_program_cannot_be_built(folder: Path) -> None:
    for name in ("a", "b", "c"):
        (folder / f"down-{name}").touch()
        begin(folder, name, code=1)
        (folder / f"down-{name}").unlink()
    flow = (folder / "flow.py").read_text()
    gone = """-> seq.Sequent:
    if name == "a": raise ValueError("no data\\nfor a")
    if name == "b": raise SystemExit("no licence")"""
    (folder / "flow.py").write_text(flow.replace("-> seq.Sequent:", gone))
    done = sequent(folder, "recover", "-q", "flow.run.db", "--all", code=1)
    assert states(folder) == {"a": "failure", "b": "failure", "c": "success"}
    assert "flow.py:build cannot be loaded: ValueError: no data" in done.stderr
    assert "flow.py, line 11)" in done.stderr
    assert "sequent: run b: SystemExit: no licence" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_cancelled_on_purpose_is_left(folder: Path) -> None:
    (folder / "wait-a").touch()
    begin(folder, "a", "--max-loops", "1")
    sequent(folder, "cancel", "flow.run.db")
    sequent(folder, "recover", "flow.run.db", "--all", code=3)
    sequent(folder, "continue", "flow.run.db", "--all", code=3)


def test_a_line_says_which_runs_were_left(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / f"wait-{name}").touch()
        begin(folder, name, "--max-loops", "1")
    let_delays_end(folder)
    told = sequent(folder, "continue", "-q", "flow.py:build").stderr
    assert "left as they are: a (pending); to continue every run: sequent continue flow.run.db --all" in told
    assert "left as they are: a (pending)" in sequent(folder, "continue", "flow.run.db", code=3).stderr
    assert "left" not in sequent(folder, "continue", "flow.run.db", "--run-id", "a").stderr
    assert "left" not in sequent(folder, "continue", "flow.run.db", code=3).stderr


def test_a_script_is_loaded_once_however_many_runs_are_left(tmp_path: Path) -> None:
    flow = (
        FLOW[: FLOW.index("def build")]
        + """
print("loaded")
flow = seq.Sequent("flow", "own.db", config={"task_construct": "invoke"})
flow.add_step("first", work, args=("a",))
flow.run()
"""
    )
    (tmp_path / "flow.py").write_text(flow)
    (tmp_path / "down-a").touch()
    for _ in range(2):
        sequent(tmp_path, "run", "-q", "flow.py", code=1)
    (tmp_path / "down-a").unlink()
    done = sequent(tmp_path, "recover", "-q", "flow.py")
    assert done.stdout.count("loaded") == 1
    assert "left as they are: " in done.stderr


def test_all_is_not_for_one_run(folder: Path) -> None:
    begin(folder, "a")
    assert "--run-id" in one_line_error(folder, "continue", "flow.run.db", "--all", "--run-id", "a")
    assert "--dry-run" in one_line_error(folder, "recover", "flow.run.db", "--all", "--dry-run")


@pytest.mark.parametrize("verb", ["recover", "rerun"])
def test_a_run_in_a_store_of_the_programs_own_choice_keeps_its_parameters(folder: Path, verb: str) -> None:
    flow = FLOW.replace('Sequent("flow", ', 'Sequent("flow", "own.db", ').replace("def build", "def other")
    (folder / "flow.py").write_text(flow + FLOW[FLOW.index("def build") :].replace('"flow", ', '"more", "own.db", '))
    (folder / "down-a").touch()
    sequent(folder, "run", "-q", "flow.py:other", "--param", "name=a", code=1)
    (folder / "down-a").unlink()
    sequent(folder, "run", "-q", "flow.py:build", "--param", "name=b")
    again = sequent(folder, verb, "-q", "flow.py:other", *(["first"] if verb == "rerun" else [])).stdout
    assert again.startswith("work a\n")
    assert json.loads(sequent(folder, "status", "flow.py:other", "--json").stdout)["parameters"] == {"name": "a"}
