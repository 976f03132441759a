"""What failed, as the shell shows it: the item of each instance, the traceback and the notes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.test_shell import sequent

FLOW = """
import sequent as seq

def days(): return ["2026-11-01", "2026-11-02"]

def load(table, day):
    print("loading", table, day)
    if (table, day) == ("orders", "2026-11-02"):
        error = ConnectionRefusedError(f"no {table} today")
        error.add_note("ask the night shift")
        raise error

flow = seq.Sequent(config={"task_construct": "invoke", "stop_on_exception": False})
tables = flow.add_step("tables", loop={"a": {"rows": 2}, "b": "orders"})
day = tables.add_step("day", loop=days)
day.add_step("load", load, args=(tables.item, day.item))
flow.add_step("again", load, args=("orders", "2026-11-02"), loop=range(2), config={"retries": 1, "retry_delay": 900})
"""

NAME = "tables/day/load@1.b.2 [b: orders, 2026-11-02]"
TRACEBACK = "raise error\nConnectionRefusedError: no orders today\nask the night shift\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def test_every_line_about_an_instance_names_the_items_it_stands_for(folder: Path) -> None:
    ended = sequent(folder, "run", "-q", "flow.py", "--max-loops", "1", code=1).stdout
    assert f"failed: {NAME}: ConnectionRefusedError: no orders today; ask the night shift" in ended
    assert "@1.b.2 [b: orders, 2026-11-02]: ConnectionRefusedError" in sequent(folder, "status", "flow.py").stdout
    told = sequent(folder, "why", "flow.py", "tables/day/load").stdout
    assert told.startswith(f"{NAME}: failure\n  ConnectionRefusedError: no orders today\n  ask the night shift\n")
    assert "tables/day/load@1.a.1 [a: {'rows': 2}, 2026-11-01]: success" in sequent(
        folder, "why", "flow.py", "tables/day/load@1.a.1"
    ).stdout  # fmt: skip
    assert "again@1.1 [0]: ready" in sequent(folder, "why", "flow.py", "again").stdout
    assert f"==> {NAME} (try 1, failure) <==" in sequent(folder, "logs", "flow.py").stdout
    watched = sequent(folder, "watch", "flow.py", code=1).stdout
    assert "@1.b.2 [b: orders, 2026-11-02]: ConnectionRefusedError" in watched


@pytest.mark.parametrize(("items", "more"), [(5, 0), (9, 4), (70, 65)])
def test_the_end_of_a_run_says_how_many_failures_it_leaves_out_and_where_they_are(
    tmp_path: Path, items: int, more: int
) -> None:
    (tmp_path / "many.py").write_text(
        "import sequent as seq\n\n"
        'def bad(): raise ValueError("no")\n\n'
        'flow = seq.Sequent(config={"task_construct": "invoke", "stop_on_exception": False})\n'
        f'flow.add_step("a", bad, loop=range({items}))\n'
    )
    told = sequent(tmp_path, "run", "-qq", "many.py", "--run-id", "one", code=1).stdout.splitlines()
    said = "and {} more; to see all, run: sequent logs --failed many.run.db --run-id one"
    assert [line for line in told if " more" in line] == ([said.format(more)] if more else [])
    assert sum(line.startswith("failed: a@1.") for line in told) == 5
    shown = sequent(tmp_path, "logs", "--failed", "many.run.db", "--run-id", "one").stdout
    assert shown.count("ValueError: no\n") == items


def test_programs_get_the_items_as_they_are_stored(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py", "--max-loops", "1", code=1)
    failures = json.loads(sequent(folder, "status", "flow.py", "--json").stdout)["failures"]
    assert [one["items"] for one in failures if one["path"] == "tables/day/load"] == [["orders", "2026-11-02"]]
    instance = "tables/day/load@1.a.2"
    (told,) = json.loads(sequent(folder, "why", "flow.py", instance, "--json").stdout)["instances"]
    assert told["items"] == [{"rows": 2}, "2026-11-02"]
    (log,) = json.loads(sequent(folder, "logs", "flow.py", "--json", instance).stdout)
    assert (log["items"], log["error"], log["traceback"]) == ([{"rows": 2}, "2026-11-02"], None, None)


def test_logs_and_why_show_tracebacks_and_notes(folder: Path) -> None:
    sequent(folder, "run", "-q", "flow.py", "--max-loops", "1", code=1)
    failed = sequent(folder, "logs", "flow.py", "--failed", "tables").stdout
    assert failed.startswith(f"==> {NAME} (try 1, failure) <==\nloading orders 2026-11-02\nTraceback (most recent")
    assert failed.endswith(TRACEBACK)
    assert "Traceback" not in sequent(folder, "logs", "flow.py").stdout
    told = sequent(folder, "why", "flow.py", "tables/day/load").stdout
    assert "".join(line[2:] for line in told.splitlines(keepends=True)[1:]).endswith(TRACEBACK)


def test_a_failure_that_wrote_nothing_is_shown_too(folder: Path) -> None:
    (folder / "silent.py").write_text(
        "import sequent as seq\nflow = seq.Sequent(config={'task_construct': 'invoke'})\n"
        "flow.add_step('silent', lambda: 1 / 0)\n"
    )
    sequent(folder, "run", "-q", "silent.py", code=1)
    shown = sequent(folder, "logs", "silent.py", "--failed")
    assert shown.stdout.endswith("ZeroDivisionError: division by zero\n")
    assert not shown.stderr


def test_lines_of_a_piped_status_are_as_long_as_they_are(folder: Path) -> None:
    error = " ".join(["far too long a message for one line of a terminal"] * 8)
    (folder / "long.py").write_text(
        "import sequent as seq\nflow = seq.Sequent(config={'task_construct': 'invoke'})\n"
        f"@flow.step('fails')\ndef fails(): raise ValueError({error!r})\nflow.add_step('other', print)\n"
    )
    sequent(folder, "run", "-q", "long.py", code=1)
    lines = sequent(folder, "status", "long.py").stdout.splitlines()
    assert [line for line in lines if error in line] == [f"│   └── @1: ValueError: {error}"]
    assert lines == [line.rstrip() for line in lines]


def test_why_leads_from_a_failed_shell_command_to_what_it_printed(folder: Path) -> None:
    (folder / "make.py").write_text(
        "import sequent as seq\nflow = seq.Sequent()\n"
        "flow.add_step('all', seq.shell('echo \"nothing to make\"; exit 3'))\n"
    )
    sequent(folder, "run", "-q", "make.py", "--run-id", "one", code=1)
    told = sequent(folder, "why", "make.py", "all").stdout
    assert "exit code 3" in told
    assert "Traceback" not in told
    advice = "what it printed, if anything: sequent logs make.run.db all@1 --run-id one"
    assert told.splitlines()[-1].strip() == advice
    assert "nothing to make\n" in sequent(folder, *advice.partition("sequent ")[2].split()).stdout


def test_why_says_each_line_of_a_long_error_once(folder: Path) -> None:
    (folder / "long.py").write_text(
        "import sequent as seq\nclass Lines(ValueError): pass\n"
        "flow = seq.Sequent(config={'task_construct': 'invoke'})\ntext = '\\n'.join(('one', 'two', 'three'))\n"
        "@flow.step('fails')\ndef fails(): raise Lines(text)\n"
    )
    sequent(folder, "run", "-q", "long.py", code=1)
    lines = sequent(folder, "why", "long.py", "fails").stdout.splitlines()
    assert lines[1].endswith("Lines: one")
    assert [line for line in lines if not line.strip()] == []
    assert lines.count("  two") == lines.count("  three") == 1
