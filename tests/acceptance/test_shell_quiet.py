"""What `-q` and `-qq` leave of what a run shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.test_shell import sequent

FLOW = """
import os, pathlib, subprocess, sys
import sequent as seq

def work():
    print("printed")
    subprocess.run(["echo", "from a program"])
    if pathlib.Path("down").exists():
        raise ValueError("down")

flow = seq.Sequent(config={"task_construct": os.environ.get("CONSTRUCT", "process")})
flow.add_step("work", work)
flow.add_step("by the shell", seq.shell("echo in a shell"))
flow.add_step("later", print, args=("later",), require=(("work", seq.STEP_SUCCESS),), delay=86400)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def test_twice_quiet_nothing_is_shown_of_what_goes_well_and_the_logs_have_it(folder: Path) -> None:
    for arguments in (("run", "flow.py"), ("continue", "flow.py"), ("continue", "flow.py", "--all")):
        done = sequent(folder, *arguments, "-qq", "--max-loops", "1")
        assert done.stdout + done.stderr == "", arguments
    logs = sequent(folder, "logs", "flow.py").stdout
    assert all(text in logs for text in ("printed\n", "from a program\n", "in a shell\n"))
    sequent(folder, "cancel", "flow.py")
    done = sequent(folder, "continue", "flow.py", "-qq", "--all", code=3)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("construct", ["thread", "invoke"])
def test_twice_quiet_it_is_the_same_without_worker_processes(
    folder: Path, construct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSTRUCT", construct)
    (folder / "flow.py").write_text(FLOW.replace("    subprocess.run", "    # subprocess.run"))
    done = sequent(folder, "run", "flow.py", "-qq", "--max-loops", "1")
    assert done.stdout + done.stderr == ""
    assert "printed\n" in sequent(folder, "logs", "flow.py").stdout


def test_twice_quiet_a_failure_is_told_with_what_to_do(folder: Path) -> None:
    (folder / "down").touch()
    done = sequent(folder, "run", "flow.py", "-qq", code=1)
    assert "failed: work@1: ValueError: down" in done.stdout
    assert "sequent recover flow.run.db" in done.stdout
    assert "Exception in step work/1" in done.stderr
    assert "printed" not in done.stdout + done.stderr


RETRIED = """
import sequent as seq

def flaky():
    if seq.current().try_number < 3:
        raise ValueError("not yet")

flow = seq.Sequent()
flow.add_step("flaky", flaky, config={"retries": 2})
"""


def test_a_try_that_another_one_follows_is_a_warning_in_one_line_and_nothing_twice_quiet(tmp_path: Path) -> None:
    (tmp_path / "flaky.py").write_text(RETRIED)
    said = sequent(tmp_path, "run", "-q", "flaky.py").stderr.splitlines()
    assert len(said) == 2
    for line, number in zip(said, (1, 2), strict=True):
        text = f"Exception in step flaky/1, try {number}: ValueError: not yet; try {number + 1} in 0 s"
        assert line.endswith(f"[ WARNING ][ {text} ]")
    assert "Traceback" in sequent(tmp_path, "logs", "--failed", "flaky.py").stdout
    done = sequent(tmp_path, "run", "-qq", "flaky.py")
    assert done.stdout + done.stderr == ""
    assert "[ WARNING ][ Exception in step flaky/1, try 1" in sequent(tmp_path, "logs", "--engine", "flaky.py").stdout


def test_the_last_try_is_an_error_with_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "flaky.py").write_text(RETRIED.replace('"retries": 2', '"retries": 1'))
    said = sequent(tmp_path, "run", "-qq", "flaky.py", code=1).stderr
    assert "[ ERROR   ][ Exception in step flaky/1, try 2: ValueError: not yet\nTraceback" in said
    assert "try 1" not in said


def test_quiet_never_lowers_the_level_of_what_is_logged(folder: Path) -> None:
    (folder / "down").touch()
    done = sequent(folder, "run", "flow.py", "-q", "--set", "logging_level=CRITICAL", code=1)
    assert done.stderr == ""
