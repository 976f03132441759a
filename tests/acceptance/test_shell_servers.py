"""The shell about a store on a server: a URL stands wherever the path of a file may."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventcore.record.schema import LONGEST_NAME
from tests.acceptance.test_shell import one_line_error, sequent
from tests.eventcore.record.places import KINDS, REMOTE

FLOW = """
import os
import sequent as seq

def send(item):
    print("sending", item)
    if item == "tue" and os.path.exists("down"):
        raise ConnectionRefusedError("the line is down")
    return "sent " * 20_000

flow = seq.Sequent(config={"task_construct": "process", "logging_level": "ERROR"})
days = flow.add_step("days", loop=["mon", "tue"])
push = days.add_step("push", send, args=(days.item,))
flow.add_step("after", len, args=("abc",), require=((days, seq.STEP_SUCCESS),))
"""


@pytest.fixture(params=REMOTE)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return KINDS[request.param](tmp_path)


def test_a_run_is_looked_at_and_recovered(url: str, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    (tmp_path / "down").touch()
    failed = sequent(tmp_path, "run", "flow.py", "--store", url, "--run-id", "r", code=1)
    assert "ConnectionRefusedError" in failed.stdout
    runs = json.loads(sequent(tmp_path, "runs", url, "--json").stdout)
    assert [(run["run_id"], run["state"]) for run in runs] == [("r", "failure")]
    assert "push" in sequent(tmp_path, "status", url).stdout
    assert "the line is down" in sequent(tmp_path, "why", url, "days/push").stdout
    assert "sending tue" in sequent(tmp_path, "logs", url, "days/push").stdout
    assert "digraph" in sequent(tmp_path, "graph", url, "--format", "dot").stdout
    sequent(tmp_path, "report", url, "--output", "report.html")
    assert "the line is down" in (tmp_path / "report.html").read_text()
    assert "days" in sequent(tmp_path, "watch", url, code=1).stdout
    (tmp_path / "down").unlink()
    sequent(tmp_path, "recover", url, "--run-id", "r")
    assert json.loads(sequent(tmp_path, "runs", url, "--json").stdout)[0]["state"] == "success"
    assert list(tmp_path.glob("*.db")) == []
    sequent(tmp_path, "clean", url, "--keep", "0")
    assert json.loads(sequent(tmp_path, "runs", url, "--json", code=3).stdout) == []


def test_what_is_too_long_is_told_before_a_run(url: str, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW.replace('"after"', f'"{"x" * (LONGEST_NAME + 1)}"'))
    sequent(tmp_path, "check", "flow.py")
    text = (tmp_path / "flow.py").read_text()
    (tmp_path / "flow.py").write_text(text.replace("seq.Sequent(", f"seq.Sequent(store={url!r}, "))
    said = sequent(tmp_path, "check", "flow.py", code=2)
    assert f"at most {LONGEST_NAME}; shorten it" in said.stdout + said.stderr
    assert f"at most {LONGEST_NAME}; shorten it" in one_line_error(tmp_path, "submit", "flow.py")


def test_what_is_wrong_with_a_url_is_one_line(url: str, tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    place, _, _ = url.partition("@")
    nobody = f"{place}:secret@127.0.0.1:1/runs"
    for arguments in (("status", nobody), ("runs", nobody), ("run", "flow.py", "--store", nobody)):
        said = one_line_error(tmp_path, *arguments)
        assert "check that the server runs" in said
        assert "secret" not in said
    assert "there is no store at" in one_line_error(tmp_path, "status", url)
