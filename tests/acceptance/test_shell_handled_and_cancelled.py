"""What the shell says of failures that are handled and of runs that users cancelled, the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import visual
from eventcore.record.reading import reading
from eventcore.run.next_action import next_action
from tests.acceptance.test_shell import sequent

HANDLED = """
import sequent as seq

def bad(): raise ValueError("bad")
def fine(): pass

flow = seq.Sequent("flow", config={"task_construct": "invoke", "stop_on_exception": False})
flow.add_step("lost", loop=bad).add_step("inner", fine)
flow.add_step("own", fine, loop=bad)
found = flow.add_step("found", loop=bad)
found.add_step("inner", fine)
flow.add_step("instead", fine, require=((found, seq.STEP_FAILURE),))
flow.add_step("fatal", bad)
step = flow.add_step("step", bad)
flow.add_step("mends", fine, require=((step, seq.STEP_FAILURE),))
"""
MENDED = """
import sequent as seq

def bad(): raise ValueError("bad")

flow = seq.Sequent("flow", config={"task_construct": "invoke", "stop_on_exception": False})
step = flow.add_step("step", bad)
flow.add_step("mends", str, require=((step, seq.STEP_FAILURE),))
"""
CANCELLED = """
import os, pathlib
import sequent as seq

def fine(): pass
def dies():
    if pathlib.Path("dies").exists(): os._exit(9)

flow = seq.Sequent("flow", config={"task_construct": "invoke"})
box = flow.add_step("box", loop=[1, 2])
late = box.add_step("late", fine, delay=3600)
box.add_step("dies", dies)
box.add_step("next", fine, require=((late, seq.STEP_SUCCESS),))
flow.add_step("end", fine, require=((box, seq.STEP_SUCCESS),))
"""
CLEANS_UP = """
import os, pathlib
import sequent as seq

def work():
    print("work")
    if pathlib.Path("dies").exists(): os._exit(9)

flow = seq.Sequent("flow", config={"task_construct": "invoke"})
cluster = flow.add_step("cluster", setup=(print, "up"), teardown=(print, "down"))
approved = cluster.add_wait("approved")
cluster.add_step("send", print, args=("sent",), require=((approved, seq.STEP_SUCCESS),))
cluster.add_step("tidy", print, args=("tidied",), require=((approved, seq.STEP_OVER),))
cluster.add_step("work", work)
flow.add_step("closing", print, args=("closed",), require=((flow, seq.STEP_OVER),))
"""


def test_a_loop_that_cannot_be_computed_is_handled_where_the_flow_says_so_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(HANDLED)
    told = sequent(tmp_path, "run", "-q", "flow.py", code=1).stdout.splitlines()
    assert {line.split("@")[0] for line in told if "@1" in line} == {
        "failed: lost", "failed: own", "failed: fatal", "failed, and handled: found", "failed, and handled: step",
    }  # fmt: skip
    data = json.loads(sequent(tmp_path, "status", "flow.run.db", "--json").stdout)
    handled = {failure["path"]: failure["handled"] for failure in data["failures"]}
    assert handled == {"lost": False, "own": False, "fatal": False, "found": True, "step": True}
    text = sequent(tmp_path, "status", "flow.run.db").stdout
    assert text.count("@1, handled: ") == 2
    assert text.count("@1: ") == 3
    for path, word in (("lost", False), ("own", False), ("found", True)):
        assert ("the failure is handled" in sequent(tmp_path, "why", "flow.run.db", path).stdout) is word


def test_the_failure_that_ends_a_run_is_told_before_those_that_were_handled(tmp_path: Path) -> None:
    many = MENDED.replace('flow.add_step("step", bad)', 'flow.add_step("step", bad, loop=range(60))')
    (tmp_path / "flow.py").write_text(many + 'flow.add_step("last", bad, require=((step, seq.STEP_FAILURE),))\n')
    told = sequent(tmp_path, "run", "-q", "flow.py", code=1).stdout.splitlines()
    assert told[:2] == ["failed: last@1: ValueError: bad", "failed, and handled: step@1.1 [0]: ValueError: bad"]


def test_a_rerun_of_one_step_tells_nothing_of_failures_that_were_handled_before(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(MENDED)
    assert "failed, and handled: step@1" in sequent(tmp_path, "run", "-q", "flow.py").stdout
    rerun = sequent(tmp_path, "rerun", "-q", "flow.py", "mends", "--only")
    assert rerun.stdout.splitlines() == [rerun.stdout.strip()]
    assert rerun.stdout.endswith(": success\n")
    assert "failed, and handled: step@1" in sequent(tmp_path, "rerun", "-q", "flow.py", "step").stdout


@pytest.mark.parametrize("verb", ["recover", "continue"])
def test_where_there_is_nothing_to_do_it_says_how_to_run_again_what_was_handled(tmp_path: Path, verb: str) -> None:
    (tmp_path / "flow.py").write_text(MENDED)
    sequent(tmp_path, "run", "-q", "flow.py", "--run-id", "one")
    said = sequent(tmp_path, verb, "flow.py", code=3).stderr.strip()
    advice = "to run step again, whose failure was handled: sequent rerun flow.run.db --run-id one step"
    assert said.endswith(f"run 'one' has already succeeded; `sequent run` starts a new one; {advice}")
    (tmp_path / "flow.py").write_text(MENDED.replace("(): raise", "(): print('again') if 0 == 0 else"))
    assert "again" in sequent(tmp_path, *advice.partition("sequent ")[2].split()).stdout
    assert "rerun" not in sequent(tmp_path, verb, "flow.py", code=3).stderr


def test_of_several_handled_failures_it_names_all(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(
        f'{MENDED}flow.add_step("other", bad)\nflow.add_step("too", str, require=(("other", seq.STEP_FAILURE),))\n'
    )
    sequent(tmp_path, "run", "-q", "flow.py")
    said = sequent(tmp_path, "recover", "flow.py", code=3).stderr
    assert "to run one of step, other again, whose failures were handled: sequent rerun flow.run.db" in said


def test_the_shell_says_what_to_type_of_a_run_that_is_over(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(MENDED.partition('flow.add_step("mends"')[0])
    sequent(tmp_path, "run", "-q", "flow.py", code=1)
    said = sequent(tmp_path, "continue", "flow.py", code=1).stderr
    assert "fix the problem, then recover it with `sequent recover`, or run_mode=RunMode.recover in Python" in said


def test_a_dry_run_says_what_becomes_of_steps_that_a_handled_failure_led_to(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(HANDLED.replace('flow.add_step("mends", fine', 'flow.add_step("mends", bad'))
    sequent(tmp_path, "run", "-q", "flow.py", code=1)
    told = [" ".join(line.split()) for line in sequent(tmp_path, "recover", "flow.py", "--dry-run").stdout.splitlines()]
    assert {"skipped when reached instead @1", "runs again when reached mends @1 (failure)"} <= set(told)
    assert "not counted, because it depends on how other steps end: to run again: 1; to skip: 1" in told


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_stopped_run_that_is_cancelled_has_nothing_left_that_waits_or_is_walked(
    tmp_path: Path, is_killed: bool
) -> None:
    (tmp_path / "flow.py").write_text(CANCELLED)
    if is_killed:
        (tmp_path / "dies").touch()
    sequent(tmp_path, "run", "-q", "--max-loops", "1", "flow.py", code=9 if is_killed else 0)
    (tmp_path / "dies").unlink(missing_ok=True)
    sequent(tmp_path, "cancel", "flow.run.db")
    data = json.loads(sequent(tmp_path, "status", "flow.run.db", "--json").stdout)
    states = {step["path"]: step["state"] for top in data["steps"] for step in (top, *top["steps"])}
    assert (data["state"], data["outstanding"], data["next_due"]) == ("cancelled", 0, None)
    assert states == {
        "box": "cancelled", "box/late": "not reached", "box/dies": "interrupted" if is_killed else "success",
        "box/next": "not reached", "end": "not reached",
    }  # fmt: skip
    assert "end@1: not reached\n" in sequent(tmp_path, "why", "flow.run.db", "end").stdout
    assert " after " in sequent(tmp_path, "why", "flow.run.db", "box").stdout.splitlines()[1]
    recovered = sequent(tmp_path, "recover", "-q", "--max-loops", "1", "flow.run.db").stdout
    assert "1 outstanding" in recovered


@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize("is_paused", [False, True])
def test_a_stopped_run_that_is_cancelled_cleans_up_when_it_is_continued_and_does_nothing_else(
    tmp_path: Path, is_killed: bool, is_paused: bool
) -> None:
    (tmp_path / "flow.py").write_text(CLEANS_UP)
    if is_killed:
        (tmp_path / "dies").touch()
    sequent(tmp_path, "run", "-q", "--max-loops", "1", "flow.py", code=9 if is_killed else 0)
    (tmp_path / "dies").unlink(missing_ok=True)
    if is_paused:
        sequent(tmp_path, "pause", "flow.run.db")
    assert "it has steps that clean up" in sequent(tmp_path, "cancel", "flow.run.db").stdout
    assert "to have it clean up, run: sequent continue" in sequent(tmp_path, "status", "flow.run.db").stdout
    told = sequent(tmp_path, "continue", "-q", "flow.run.db", code=1).stdout.splitlines()
    assert told[:3] == ["tidied", "down", "closed"]
    data = json.loads(sequent(tmp_path, "status", "flow.run.db", "--json").stdout)
    states = {step["path"]: step["state"] for top in data["steps"] for step in (top, *top["steps"])}
    assert (data["state"], data["outstanding"]) == ("cancelled", 0)
    assert states == {
        "cluster": "cancelled", "cluster/approved": "cancelled", "cluster/send": "not reached",
        "cluster/tidy": "success", "cluster/work": "cancelled" if is_killed else "success", "closing": "success",
    }  # fmt: skip


def test_a_stopped_run_that_is_cancelled_twice_ends_without_cleaning_up(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(CLEANS_UP)
    sequent(tmp_path, "run", "-q", "--max-loops", "1", "flow.py")
    assert "cancelled once more, it ends without that" in sequent(tmp_path, "cancel", "flow.run.db").stdout
    assert "done" in sequent(tmp_path, "cancel", "flow.run.db").stdout
    assert "already over: cancelled" in sequent(tmp_path, "cancel", "flow.run.db", code=3).stderr
    assert "to run the rest" in sequent(tmp_path, "continue", "-q", "flow.run.db", code=1).stdout


def test_a_stopped_run_that_was_to_be_cancelled_can_still_be_recovered(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(CLEANS_UP)
    sequent(tmp_path, "run", "-q", "--max-loops", "1", "flow.py")
    sequent(tmp_path, "cancel", "flow.run.db")
    assert "1 outstanding" in sequent(tmp_path, "recover", "-q", "--max-loops", "1", "flow.run.db").stdout
    sequent(tmp_path, "signal", "flow.run.db", "cluster/approved")
    told = sequent(tmp_path, "continue", "-q", "flow.run.db").stdout.split()
    assert set(told) >= {"sent", "tidied", "down", "closed"}


def test_shell_report_and_picture_agree_on_a_cancelled_run(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(CANCELLED)
    sequent(tmp_path, "run", "-q", "--max-loops", "1", "flow.py")
    sequent(tmp_path, "cancel", "flow.run.db")
    store = str(tmp_path / "flow.run.db")
    with reading(store) as reader:
        action = next_action(reader.run(None, 0.0), "flow.run.db")
    assert action is not None
    assert str(action) == sequent(tmp_path, "continue", "-q", "flow.py", code=1).stdout.splitlines()[-1]
    assert action.commands[0].split(" --run-id")[0] == "sequent recover flow.run.db"
    assert f'"advice":"{action.lead}"' in visual.report(store)
    (box,) = visual.draw(store).graph.root.boxes
    assert box.state == "cancelled"
