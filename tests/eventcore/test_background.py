"""Runs in the background: `run(background=True)` returns what can be waited for, asked and steered."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import eventcore as evr
from eventcore.define.status import RunMode
from eventcore.errors import ConfigError, RunExistsError, RunHeldError
from eventcore.run.background import BackgroundRun
from tests.crash.processes import Scripts, eventually
from tests.crash.processes import scripts as scripts
from tests.eventcore.record.places import KINDS, chained, fail
from tests.support import eventor


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for runs of each kind."""
    return KINDS[request.param](tmp_path)


class Gate:
    """A step that begins, and ends when it may."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.may_end.wait(600)
        return "through"


def gated(store: str, gate: Gate) -> evr.Eventor:
    return chained(eventor(store, run_id="run", task_construct="thread", logging_level="ERROR"), gate, int)


def test_it_returns_at_once_and_waiting_returns_the_answer_of_run(store: str) -> None:
    gate = Gate()
    program = gated(store, gate)
    going = program.run(background=True)
    assert gate.began.wait(600)
    assert (going.run_id, going.status) == ("run", "running")
    with pytest.raises(TimeoutError, match="run 'run' is not over after 0 s; it goes on"):
        going.wait(0)
    gate.may_end.set()
    assert going.wait()
    assert going.wait(0)
    assert going.status == "success"
    assert program.result("s1") == "through"


def test_a_run_that_fails_says_so(store: str) -> None:
    going = chained(eventor(store, logging_level="CRITICAL"), fail).run(background=True)
    assert not going.wait()
    assert going.status == "failure"


def test_it_is_paused_resumed_and_cancelled(store: str) -> None:
    gate = Gate()
    going = gated(store, gate).run(background=True)
    assert gate.began.wait(600)
    assert going.pause().is_done
    assert going.resume().is_done
    assert going.pause().is_done
    gate.may_end.set()
    assert going.cancel().is_done
    assert not going.wait()
    assert going.status == "cancelled"


def test_the_object_cannot_be_run_again_meanwhile_and_can_be_afterwards(store: str) -> None:
    gate = Gate()
    program = gated(store, gate)
    going = program.run(background=True)
    with pytest.raises(RunHeldError, match="is running"):
        program.run()
    gate.may_end.set()
    assert going.wait()
    assert program.run(run_mode=RunMode.recover)
    again = program.run(run_mode=RunMode.restart, background=True)
    assert again.wait()
    assert again.run_id != "run"


def test_wrong_arguments_are_refused_at_once_and_what_comes_later_at_wait(tmp_path: Path) -> None:
    program = chained(eventor(tmp_path / "run.db", run_id="run", logging_level="ERROR"), int)
    with pytest.raises(ConfigError, match="max_loops"):
        program.run("2", background=True)  # type: ignore[call-overload]
    assert program.run()
    again = chained(eventor(tmp_path / "run.db", run_id="run", logging_level="ERROR"), int).run(background=True)
    for _ in range(2):
        with pytest.raises(RunExistsError, match="already has a run 'run'"):
            again.wait()
    assert isinstance(again, BackgroundRun)


def test_to_continue_the_latest_its_id_is_known_once_it_is_found(tmp_path: Path) -> None:
    assert chained(eventor(tmp_path / "run.db", run_id="first", logging_level="ERROR"), int).run()
    program = chained(eventor(tmp_path / "run.db", RunMode.recover, logging_level="ERROR"), int)
    going = program.run(background=True)
    assert going.run_id == "first"
    assert going.wait()


SCRIPT = """
    import sys, time
    from pathlib import Path
    import sequent as seq

    here = Path(__file__).parent

    def work():
        (here / "began").touch()
        while not (here / "gate").exists():
            time.sleep(0.02)

    if __name__ == "__main__":
        flow = seq.Sequent("flow", here / "run.db", run_id="run")
        first = flow.add_step("first", work)
        flow.add_step("second", print, require=((first, seq.STEP_SUCCESS),))
        going = flow.run(background=True)
        print("goes on", flush=True)
        if "wait" in sys.argv:
            going.wait()
"""


def test_a_program_that_ends_waits_for_its_run(scripts: Scripts) -> None:
    process = scripts.start(scripts.write(SCRIPT))
    assert process.stdout is not None
    assert process.stdout.readline() == "goes on\n"
    eventually((scripts.folder / "began").exists, "the first step")
    assert process.poll() is None
    (scripts.folder / "gate").touch()
    process.communicate()
    assert process.returncode == 0
    assert evr.stored_run(scripts.folder / "run.db").verdict == "success"


def test_ctrl_c_while_waiting_stops_the_run_in_an_orderly_way(scripts: Scripts) -> None:
    process = scripts.start(scripts.write(SCRIPT), "wait")
    eventually((scripts.folder / "began").exists, "the first step")
    os.kill(process.pid, 2)
    time.sleep(0)
    (scripts.folder / "gate").touch()
    _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    run = evr.stored_run(scripts.folder / "run.db")
    assert run.verdict in ("pending", "success")  # the signal may come when nothing is left to start
    assert [task.path for task in run.tasks() if task.status.is_done][:1] == ["first"]
