"""`sequent report`: from a store to a file, with nothing of the program."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.test_shell import one_line_error, sequent

FLOW = """
import sequent as seq

flow = seq.Sequent(config={"task_construct": "invoke", "logging_level": "ERROR"})
flow.add_step("hello", print, args=("hello",))
"""


def test_a_run_is_written_as_one_page_from_its_store_alone(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    sequent(tmp_path, "run", "flow.py")
    (tmp_path / "flow.py").unlink()
    assert sequent(tmp_path, "report", "flow.run.db", "-o", "run.html").stdout == "wrote run.html\n"
    assert (tmp_path / "run.html").read_text().startswith("<!doctype html>")


def test_what_cannot_be_read_or_written_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    sequent(tmp_path, "run", "flow.py")
    assert "'other'" in one_line_error(tmp_path, "report", "flow.py", "--run-id", "other", "-o", "run.html")
    assert "none/run.html cannot be written" in one_line_error(tmp_path, "report", "flow.py", "-o", "none/run.html")
    assert "--output" in one_line_error(tmp_path, "report", "flow.py")
