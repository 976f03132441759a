"""`sequent logs --engine`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.test_shell import one_line_error, sequent

FLOW = """
import sequent as seq
flow = seq.Sequent(config={"task_construct": "invoke", "logdir": "log"})
flow.add_step("say", print, args=("said",))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def test_the_engines_own_log_is_shown_apart_from_those_of_steps(folder: Path) -> None:
    sequent(folder, "run", "flow.py", "--run-id", "mine")
    shown = sequent(folder, "logs", "flow.py", "--engine").stdout
    assert shown.splitlines()[-1].endswith("[ Processing finished with: success; outstanding tasks: 0 ]")
    assert "said" not in shown
    assert "Processing" not in sequent(folder, "logs", "flow.py").stdout
    data = json.loads(sequent(folder, "logs", "flow.py", "--engine", "--json").stdout)
    assert data == {"file": str(folder / "log/flow/mine/engine.log"), "text": shown}


def test_an_engine_that_said_nothing_has_no_log(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py", "--run-id", "mine")
    assert "the engine of run mine has no log" in sequent(folder, "logs", "flow.py", "--engine", code=3).stderr


def test_it_is_of_the_whole_run(folder: Path) -> None:
    sequent(folder, "run", "flow.py")
    assert "--engine" in one_line_error(folder, "logs", "flow.py", "say", "--engine")


def test_it_is_deleted_with_the_logs_of_the_run(folder: Path) -> None:
    sequent(folder, "run", "flow.py", "--run-id", "mine")
    sequent(folder, "clean", "flow.run.db", "--keep", "0", "--logs")
    assert not (folder / "log/flow/mine").exists()
