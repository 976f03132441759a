"""The numbers that the shell prints are what they say they are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.acceptance.test_shell import sequent

FLOW = """
import os, pathlib
import sequent as seq

def names(): return ["a", "b", "c"]

def work(name=""):
    if name == "b" and pathlib.Path("down").exists():
        raise OSError("down")

def build(label: str = "x") -> seq.Sequent:
    flow = seq.Sequent("numbers", config={"task_construct": "invoke", "stop_on_exception": True})
    days = flow.add_step("days", loop=names)
    days.add_step("load", work, args=(days.item,))
    days.add_step("push", work, loop=names, require=(("days/load", seq.STEP_SUCCESS),))
    again = {seq.STEP_SUCCESS: seq.STEP_RERUN}
    always = flow.add_step("always", work, recovery=again, require=((days, seq.STEP_SUCCESS),))
    flow.add_step("never", work, require=((always, seq.STEP_FAILURE),))
    return flow
"""

SIDE_BY_SIDE = """
import threading
import sequent as seq

meet = threading.Barrier(4)

def wait(): meet.wait(timeout=600); threading.Event().wait(0.1)

flow = seq.Sequent(config={"task_construct": "thread", "max_concurrent": 4})
box = flow.add_step("box", loop=range(4), concurrent=4)
inner = box.add_step("inner")
inner.add_step("wait", wait)
"""

RETRYING = """
import pathlib, time
import sequent as seq

def fails(): raise OSError("no line")

def waits():
    while not pathlib.Path("release").exists(): time.sleep(0.02)

flow = seq.Sequent(config={"task_construct": "thread", "stop_on_exception": False})
flow.add_step("flaky", fails, config={"retries": 1, "retry_delay": 900})
flow.add_step("waits", waits, config={"retries": 1})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"flow.py": FLOW, "side.py": SIDE_BY_SIDE, "retrying.py": RETRYING}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_dry_run_says_which_loops_are_not_computed_yet(folder: Path) -> None:
    (folder / "down").touch()
    sequent(folder, "run", "-q", "flow.py:build", code=1)
    told = sequent(folder, "recover", "flow.run.db", "--dry-run").stdout
    assert "to run again: 1; to run for the first time: at least 2; to skip: 4\n" in told
    assert told.endswith("not counted, because their loops are not computed yet: days/push@1.2 days/push@1.3\n")
    data = json.loads(sequent(folder, "recover", "flow.run.db", "--dry-run", "--json").stdout)
    assert data["not_computed"] == [{"path": "days/push", "sequence": f"1.{n}"} for n in (2, 3)]


def test_a_dry_run_takes_recorded_items_as_given(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py:build")
    told = sequent(folder, "rerun", "flow.run.db", "days", "--dry-run").stdout
    assert "to run again: 13; to run for the first time: 0; to skip: 0" in told
    assert re.search(r"runs again +days/load +@1.1 \(success\) @1.2 \(success\) @1.3 \(success\)\n", told)


def test_a_dry_run_of_a_rerun_of_one_thing_says_that_nothing_else_runs(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py:build")
    told = sequent(folder, "rerun", "flow.run.db", "days/load@1.1", "--only", "--dry-run").stdout
    assert re.search(r"left as it is +never\n", told)
    assert told.endswith("to run again: 1; to run for the first time: 0; to skip: 12\n")
    told = sequent(folder, "rerun", "flow.run.db", "days/load@1.1", "--dry-run").stdout
    assert re.search(r"will run when reached +never\n", told)


def test_the_time_of_a_container_is_that_of_the_clock_on_the_wall(folder: Path) -> None:
    sequent(folder, "run", "-q", "side.py")
    (box,) = json.loads(sequent(folder, "status", "side.py", "--json").stdout)["steps"]
    (inner,) = box["steps"]
    (wait,) = inner["steps"]
    assert inner["seconds"] <= box["seconds"] < wait["seconds"]
    lines = {
        line.split()[1]: line for line in sequent(folder, "status", "side.py").stdout.replace("│", " ").splitlines()
    }
    assert [name for name, line in lines.items() if line.endswith(" in all")] == ["wait"]


def test_running_one_thing_again_leaves_a_success_a_success(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py:build")
    assert sequent(folder, "rerun", "-q", "flow.run.db", "days/load@1.1", "--only").stdout.endswith(": success\n")
    assert "success" in sequent(folder, "runs", "flow.run.db").stdout


def test_what_watch_counts_is_what_status_counts(folder: Path) -> None:
    (folder / "down").touch()
    sequent(folder, "run", "-q", "flow.py:build", code=1)
    assert "days  (names())  failure 1/3, 1 failed, " in sequent(folder, "status", "flow.run.db").stdout
    assert "days: failure 1/3, 1 failed\n" in sequent(folder, "watch", "flow.run.db", code=1).stdout
    assert "load  failure 1/3, 1 failed, " in sequent(folder, "status", "flow.run.db").stdout
    assert "days/load: failure 1/3, 1 failed, @1.2 [b]" in sequent(folder, "watch", "flow.run.db", code=1).stdout


def test_parameters_are_shown(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py:build", "--param", "label=week 47")
    sequent(folder, "run", "-q", "flow.py:build")
    latest, first = sequent(folder, "runs", "flow.run.db").stdout.splitlines()[1:]
    assert first.rstrip().endswith("0            label=week 47")
    assert "label" not in latest
    first_id = first.split()[0]
    assert "with label=week 47" in sequent(folder, "status", "flow.run.db", "--run-id", first_id).stdout
    data = json.loads(sequent(folder, "runs", "flow.run.db", "--json").stdout)
    assert [run["parameters"] for run in data] == [{}, {"label": "week 47"}]


def test_a_retry_is_outstanding_while_the_run_is_in_progress(folder: Path) -> None:
    sequent(folder, "run", "-q", "retrying.py", "--detach")
    try:
        while True:
            (run,) = json.loads(sequent(folder, "runs", "retrying.run.db", "--json").stdout)
            if run["next_due"] is not None:
                break
        assert run["outstanding"] == 2
        assert ", 2 outstanding, next due in " in sequent(folder, "status", "retrying.run.db").stdout.replace("\n", "")
    finally:
        (folder / "release").touch()
        sequent(folder, "cancel", "retrying.run.db")
