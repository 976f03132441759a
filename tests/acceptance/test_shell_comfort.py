"""Small things that make the shell pleasant: parameters as people write them, completion, folders, tidiness."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from pathlib import Path

import pytest

from sequent.cli.parameters import TargetError, typed_parameters
from tests.acceptance.test_shell import one_line_error, sequent
from tests.commands import COMMAND

FLOW = """
import sequent as seq

def build(name: str = "flow") -> seq.Sequent:
    flow = seq.Sequent(name, config={"task_construct": "invoke"})
    days = flow.add_step("days", loop=["mon", "tue"])
    days.add_step("load", print, args=(days.item,))
    flow.add_step("report", print)
    return flow
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow.py").write_text(FLOW)
    return tmp_path


def build(  # type: ignore[no-untyped-def]
    flag: bool = False, maybe: bool | None = None, names: list[str] | None = None, sizes: dict[str, int] | None = None,
    days: tuple[datetime.date, ...] = (), text: str = "", bare=(1,), on=True,
) -> None:  # fmt: skip
    """Takes what `--param` may be asked to give."""


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flag", "yes", True), ("flag", "On", True), ("flag", "TRUE", True), ("flag", "no", False),
        ("flag", "0", False),
        ("maybe", "off", False), ("maybe", "null", None), ("on", "n", False),
        ("names", '["a", "b"]', ["a", "b"]), ("names", "[a, b]", ["a", "b"]),
        ("names", "[1, 2026-11-21]", ["1", "2026-11-21"]), ("names", "[2026-02-30]", ["2026-02-30"]),
        ("sizes", '{"a": 1}', {"a": 1}), ("sizes", "{a: 1, b: 2}", {"a": 1, "b": 2}),
        ("days", "[2026-11-21]", (datetime.date(2026, 11, 21),)),
        ("text", "[a]", "[a]"), ("text", "yes", "yes"), ("bare", "[3, 4]", (3, 4)),
    ],
)  # fmt: skip
def test_parameters_are_read_as_people_write_them(name: str, text: str, value: object) -> None:
    assert typed_parameters(build, {name: text}, "flow.py:build") == {name: value}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flag", "maybe"), ("names", "a,b"), ("sizes", "{a: x}"), ("names", "[a"), ("days", "[2026-02-30]"),
        ("sizes", "{a: !!int x}"), pytest.param("names", "[" * 3000, id="deep"),
    ],
)  # fmt: skip
def test_what_is_none_of_these_is_an_error_that_names_the_parameter(name: str, text: str) -> None:
    with pytest.raises(TargetError, match=f"--param {name}="):
        typed_parameters(build, {name: text}, "flow.py:build")


def completed(folder: Path, *words: str) -> list[str]:
    """What is offered for the last of the words."""
    environment = {
        **os.environ, "_SEQUENT_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)
    }  # fmt: skip
    done = subprocess.run([COMMAND], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_run_ids_step_paths_and_keys_are_completed(folder: Path) -> None:
    for name in ("monday", "tuesday", "mopping"):
        sequent(folder, "run", "-q", "flow.py:build", "--run-id", name)
    assert completed(folder, "sequent", "status", "flow.run.db", "--run-id", "mo") == ["mopping", "monday"]
    assert completed(folder, "sequent", "logs", "flow.py:build", "--run-id", "tu") == ["tuesday"]
    assert completed(folder, "sequent", "why", "flow.run.db", "da") == ["days", "days/load"]
    assert completed(folder, "sequent", "rerun", "flow.py:build", "re") == ["report"]
    assert completed(folder, "sequent", "run", "flow.py", "--set", "max_conc") == ["max_concurrent="]
    assert completed(folder, "sequent", "why", "missing.db", "da") == []


def test_the_runs_of_a_folder_are_those_of_all_its_stores(folder: Path) -> None:
    long = "the-run-of-" + "a-very-" * 10 + "long-name"
    sequent(folder, "run", "-q", "flow.py:build", "--run-id", "first")
    sequent(folder, "run", "-q", "flow.py:build", "--run-id", long, "--store", "other.db")
    (folder / "foreign.db").write_text("no store")
    shown = sequent(folder, "runs", ".")
    assert [line.split()[:2] for line in shown.stdout.splitlines()[1:]] == [
        [long, "other.db"], ["first", "flow.run.db"],
    ]  # fmt: skip
    assert shown.stderr.startswith("sequent: left out: ")
    assert "foreign.db" in shown.stderr
    data = json.loads(sequent(folder, "runs", ".", "--json").stdout)
    assert [(run["run_id"], Path(run["store"]).name) for run in data] == [(long, "other.db"), ("first", "flow.run.db")]
    (folder / "empty").mkdir()
    assert "has no store with runs" in sequent(folder, "runs", "empty", code=3).stderr


def test_a_script_that_cannot_be_loaded_is_one_line(folder: Path) -> None:
    (folder / "broken.py").write_text("import os\nimport not_installed_anywhere\n")
    error = one_line_error(folder, "check", "broken.py")
    assert "broken.py cannot be loaded: ModuleNotFoundError" in error
    assert "broken.py, line 2" in error
    (folder / "leaves.py").write_text("import sys\nsys.exit('no licence')\n")
    assert "no licence" in one_line_error(folder, "check", "leaves.py")


def test_clean_leaves_the_logs_of_a_run_whose_id_goes_on_as_another_does(folder: Path) -> None:
    for name in ("one.two", "one"):
        sequent(folder, "run", "flow.py:build", "--run-id", name, "--detach")
        sequent(folder, "watch", "flow.run.db", "--run-id", name)
    told = sequent(folder, "clean", "flow.run.db", "--keep", "0", "--logs", "--dry-run").stdout.splitlines()
    assert told[0].startswith("would delete  one  ")
    assert "flow.run.one.2" in told[0]
    assert "one.two" not in told[0]


def test_clean_deletes_what_engines_in_the_background_said(folder: Path) -> None:
    for name in ("one", "two"):
        sequent(folder, "run", "flow.py:build", "--run-id", name, "--detach")
        sequent(folder, "watch", "flow.run.db", "--run-id", name)
    assert sorted(file.name.split(".")[2] for file in folder.glob("flow.run.*.log")) == ["one", "two"]
    sequent(folder, "clean", "flow.run.db", "--keep", "1")
    assert len(list(folder.glob("flow.run.*.log"))) == 2
    sequent(folder, "run", "flow.py:build", "--run-id", "three", "--detach")
    sequent(folder, "watch", "flow.run.db", "--run-id", "three")
    sequent(folder, "clean", "flow.run.db", "--keep", "1", "--logs")
    assert {file.name.split(".")[2] for file in folder.glob("flow.run.*.log")} == {"one", "three"}
