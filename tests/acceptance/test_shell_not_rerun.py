"""What failed in an earlier recovery and was not reached since does not count as a failure of the run, and is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import visual
from tests.acceptance.test_shell import sequent
from visual.report.build import report_data

FLOW = """
import pathlib
import sequent as seq

def first(): return pathlib.Path("first").exists()
def names(): return ["a", "b", "c"] if first() else ["a", "b"]

def check():
    if not first(): raise OSError("nothing to check")

def bad(): raise ValueError("bad")
def fill(name):
    if name == "c": raise ValueError("no c")
def fine(): pass

flow = seq.Sequent("past", config={"task_construct": "invoke", "stop_on_exception": False})
again = {seq.STEP_SUCCESS: seq.STEP_RERUN}
check = flow.add_step("check", check, recovery=again)
flow.add_step("risky", bad, require=((check, seq.STEP_SUCCESS),))
box = flow.add_step("box", require=((check, seq.STEP_SUCCESS),))
box.add_step("inner", bad)
flow.add_step("instead", fine, require=((check, seq.STEP_FAILURE),))
days = flow.add_step("days", loop=names, recovery=again)
days.add_step("fill", fill, args=(days.item,))
hours = days.add_step("hours", loop=names)
hours.add_step("fill", fill, args=(days.item,))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("past")
    (folder / "flow.py").write_text(FLOW)
    (folder / "first").touch()
    sequent(folder, "run", "-q", "flow.py", code=1)
    (folder / "first").unlink()
    return folder


@pytest.fixture(scope="module")
def told(folder: Path) -> str:
    """What the recovery that succeeded said."""
    return sequent(folder, "recover", "-q", "flow.py").stdout


def steps(told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {step["path"]: step for one in told for step in (one, *steps(one["steps"]).values())}


def test_the_end_of_the_recovery_tells_its_own_failures(told: str) -> None:
    assert [line for line in told.splitlines() if "failed" in line] == [
        "failed, and handled: check@1: OSError: nothing to check"
    ]


def test_status_says_in_which_recovery_it_failed(folder: Path, told: str) -> None:
    text = sequent(folder, "status", "flow.run.db").stdout
    assert "risky  not reached, failed in recovery 0\n" in text
    assert "@1 in recovery 0: ValueError: bad\n" in text
    assert "fill  success 2/2, 1 failed in recovery 0, " in text
    assert "@1.3 [c] in recovery 0: ValueError: no c\n" in text


def test_programs_get_what_counts_apart_from_what_does_not(folder: Path, told: str) -> None:
    data = json.loads(sequent(folder, "status", "flow.run.db", "--json").stdout)
    assert data["state"] == "success"
    assert [(f["path"], f["recovery"]) for f in data["failures"]] == [("check", 1)]
    assert {(f["path"], f["sequence"], f["recovery"]) for f in data["failures_before"]} >= {
        ("risky", "1", 0), ("box/inner", "1.1", 0), ("days/fill", "1.3", 0), ("days/hours/fill", "1.3.1", 0),
    }  # fmt: skip
    found = steps(data["steps"])
    assert {path: step["state"] for path, step in found.items()} == {
        "check": "failure", "risky": "not reached", "box": "not reached", "box/inner": "not reached",
        "instead": "success", "days": "success", "days/fill": "success", "days/hours": "success",
        "days/hours/fill": "success",
    }  # fmt: skip
    assert found["risky"]["counts"] == {}
    assert found["risky"]["before"] == [{"state": "failure", "recovery": 0, "count": 1}]
    assert found["days/fill"]["counts"] == {"success": 2}
    assert (found["days/hours"]["progress"]["items"], found["days/hours"]["progress"]["failed"]) == (4, 0)
    (run,) = json.loads(sequent(folder, "runs", "flow.run.db", "--json").stdout)
    assert (run["state"], run["outstanding"]) == ("success", 0)


def test_why_says_why_it_was_not_reached_and_how_it_failed(folder: Path, told: str) -> None:
    text = sequent(folder, "why", "flow.run.db", "risky").stdout
    assert text.startswith(
        "risky@1: not reached\n"
        "  in recovery 0, it failed: ValueError: bad\n"
        "  it requires check success, but check@1 failed\n"
    )
    assert "Traceback" in text
    assert "days/fill@1.3: not reached\n" in sequent(folder, "why", "flow.run.db", "days/fill").stdout
    (found,) = json.loads(sequent(folder, "why", "flow.run.db", "box/inner@1.1", "--json").stdout)["instances"]
    assert found["state"] == "not reached"
    assert [reason["kind"] for reason in found["reasons"]][:2] == ["before", "container"]


def test_the_live_view_and_its_lines_count_alike(folder: Path, told: str) -> None:
    text = sequent(folder, "watch", "flow.run.db").stdout
    assert "days/fill: success 2/2\n" in text
    assert "risky" not in text


def test_pictures_and_report_show_it_as_not_reached(folder: Path, told: str) -> None:
    from eventcore.record.reading import reading

    nodes = {node.id: node for node in visual.draw(folder / "flow.run.db").graph.root.nodes}
    assert (nodes["risky"].state, nodes["risky"].said) == ("not reached", ("not reached, failed in recovery 0",))
    with reading(str(folder / "flow.run.db")) as reader:
        run = reader.run(None, 0.0)
        data, _ = report_data(reader, run, run.started)
    states = {step["path"]: step["state"] for step in data["steps"]}
    assert (states["risky"], states["box"], states["days/fill"]) == ("not reached", "not reached", "success")


def test_what_a_recovery_in_progress_has_not_reached_again_is_waiting(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW.replace("def bad():", "def bad():\n    if not first(): return\n   "))
    (tmp_path / "first").touch()
    sequent(tmp_path, "run", "-q", "flow.py", code=1)
    (tmp_path / "first").unlink()
    sequent(tmp_path, "recover", "-q", "flow.py", "--max-loops", "0")
    data = json.loads(sequent(tmp_path, "status", "flow.run.db", "--json").stdout)
    assert (data["state"], data["failures"]) == ("pending", [])
    assert {step["state"] for step in steps(data["steps"]).values()} == {"waiting", "success"}
