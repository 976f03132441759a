"""Going on with a run after its program has changed: nothing is lost, and no change ends in a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.test_shell import sequent

HEAD = """
import os, pathlib
import sequent as seq

def work(name): print("ran", name, seq.current().sequence)

def down(name):
    if pathlib.Path("down").exists(): raise OSError("down")
    work(name)

def dies(name):
    if pathlib.Path("dies").exists(): os._exit(9)
    work(name)

flow = seq.Sequent("flow", config={"task_construct": "invoke"})
"""
WAITING = """
a = flow.add_step("a", loop=[1, 2])
a.add_step("old", work, args=("old",))
flow.add_step("late", dies, args=("late",), require=((a, seq.STEP_SUCCESS),))
"""
NESTED = """
box = flow.add_step("box", loop=[1, 2])
box.add_step("in", down, args=("in",))
flow.add_step("after", work, args=("after",), require=((box, seq.STEP_SUCCESS),))
"""
PLAIN = """
box = flow.add_step("box", down, args=("box",))
flow.add_step("after", work, args=("after",), require=((box, seq.STEP_SUCCESS),))
"""
DONE = """
box = flow.add_step("box", work, args=("box",), {loop})
flow.add_step("after", down, args=("after",), require=((box, seq.STEP_SUCCESS),))
"""


def wrote(folder: Path, text: str) -> None:
    (folder / "flow.py").write_text(HEAD + text)


def state(folder: Path) -> tuple[str, int]:
    """The state of the run, and how many of its tasks are not over."""
    data = json.loads(sequent(folder, "status", "flow.py", "--json").stdout)
    return data["state"], data["outstanding"]


def ran(told: str) -> list[str]:
    return [line.removeprefix("ran ") for line in told.splitlines() if line.startswith("ran ")]


def test_a_step_that_continuing_cannot_add_is_named_and_recovering_runs_it(tmp_path: Path) -> None:
    wrote(tmp_path, WAITING)
    (tmp_path / "dies").touch()
    sequent(tmp_path, "run", "-q", "flow.py", code=9)
    (tmp_path / "dies").unlink()
    wrote(tmp_path, WAITING + 'a.add_step("new", work, args=("new",))\n')
    continued = sequent(tmp_path, "continue", "-q", "flow.py")
    assert "to run a/new there, too, recover run" in continued.stderr
    assert ran(continued.stdout) == ["late 1"]
    assert ran(sequent(tmp_path, "recover", "-q", "flow.py").stdout) == ["new 1.1", "new 1.2"]
    assert state(tmp_path) == ("success", 0)
    assert "already succeeded" in sequent(tmp_path, "recover", "-q", "flow.py", code=3).stderr


@pytest.mark.parametrize("verb", ["continue", "recover"])
def test_a_step_that_is_added_to_a_run_that_succeeded_runs(tmp_path: Path, verb: str) -> None:
    wrote(tmp_path, WAITING)
    sequent(tmp_path, "run", "-q", "flow.py")
    wrote(tmp_path, WAITING + 'flow.add_step("new", work, args=("new",), require=((a, seq.STEP_SUCCESS),))\n')
    assert ran(sequent(tmp_path, verb, "-q", "flow.py").stdout) == ["new 1"]
    assert state(tmp_path) == ("success", 0)


@pytest.mark.parametrize(
    ("before", "after", "runs", "is_gone"),
    [
        (NESTED, PLAIN, ["box 1", "after 1"], True),
        (PLAIN, NESTED, ["in 1.1", "in 1.2", "after 1"], False),
        (NESTED, NESTED.replace('"in", down', '"other", down'), ["in 1.1", "in 1.2", "after 1"], True),
        (PLAIN, PLAIN.replace('"box", down', '"other", down'), ["box 1", "after 1"], True),
        (DONE.format(loop="loop=[1, 2]"), DONE.format(loop=""), ["after 1"], False),
    ],
    ids=[
        "a container became a step",
        "a step became a container",
        "a step inside was renamed",
        "a step was renamed",
        "a loop that was done went",
    ],
)
def test_a_step_that_became_another_kind_or_got_another_name_is_recovered(
    tmp_path: Path, before: str, after: str, runs: list[str], is_gone: bool
) -> None:
    wrote(tmp_path, before)
    (tmp_path / "down").touch()
    sequent(tmp_path, "run", "-q", "flow.py", code=1)
    (tmp_path / "down").unlink()
    wrote(tmp_path, after)
    if is_gone:
        refused = sequent(tmp_path, "recover", "-q", "flow.py", code=2).stderr.splitlines()[-1]
        assert "has history of steps that the program no longer has: 'box" in refused
        assert "or accept that with --accept-removed, or accept_removed=True in Python" in refused
    assert ran(sequent(tmp_path, "recover", "-q", "flow.py", "--accept-removed").stdout) == runs
    assert state(tmp_path) == ("success", 0)
    for verb in (("status",), ("logs",), ("graph",), ("report", "-o", "report.html")):
        assert "Traceback" not in sequent(tmp_path, verb[0], "flow.run.db", *verb[1:]).stderr
