"""The verbs that look before, beside and after a run: check, recover --dry-run, why, logs, clean; and completion."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.test_shell import one_line_error, sequent
from tests.commands import COMMAND
from tests.support import rows
from tests.system import system_command

FLOW = """
import os
import sequent as seq

def send(name):
    print("sending", name)
    if os.path.exists("down"):
        raise ConnectionRefusedError(f"{name} is down")

def quiet(): pass

def report(): return "sent"

flow = seq.Sequent(config={"task_construct": "invoke", "stop_on_exception": True})
days = flow.add_step("days", loop=["mon", "tue"])
load = days.add_step("load", quiet)
push = days.add_step("push", send, args=(days.item,), require=((load, seq.STEP_SUCCESS),), config={"retries": 1})
after = flow.add_step("after", report, require=((days, seq.STEP_SUCCESS),))
"""

RAW = """
import eventcore as evr

ev = evr.Eventor(config={"task_construct": "invoke"})
pool = evr.ResourcePool("licences", 2)
go, done, other, late, never = (ev.add_event(name) for name in ("go", "done", "other", "late", "never"))
both = ev.add_event("both", (done, never))
ev.add_assoc(go, ev.add_step("first", print, triggers={evr.STEP_SUCCESS: (done, late)}))
ev.add_assoc(both, ev.add_step("second", print))
ev.add_assoc(late, ev.add_step("third", print), delay=600)
ev.add_step("alone", print)
ev.trigger_event(go, 1)

if __name__ == "__main__":
    ev.run()
"""

UNSENDABLE = """
import threading
import sequent as seq

lock = threading.Lock()
flow = seq.Sequent()
flow.add_step("guarded", lambda: lock)
"""

LIVE = """
import pathlib, time
import sequent as seq

def wait(name):
    print("begin", name, flush=True)
    while not pathlib.Path("release").exists():
        time.sleep(0.02)
    print("end", name, flush=True)

def fails(): raise OSError("no line")

licences = seq.ResourcePool("licences", 2)
flow = seq.Sequent(config={"task_construct": "thread", "max_concurrent": 2, "stop_on_exception": False})
flow.add_step("flaky", fails, config={"retries": 1, "retry_delay": 900})
flow.add_step("holder", wait, args=("holder",), acquires=((licences, 2),))
flow.add_step("second", wait, args=("second",))
flow.add_step("wants", wait, args=("wants",), acquires=((licences, 1),))
flow.add_step("third", wait, args=("third",))
box = flow.add_step("box", require=(("holder", seq.STEP_SUCCESS),))
box.add_step("inner", wait, args=("inner",))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"flow.py": FLOW, "raw.py": RAW, "live.py": LIVE, "unsendable.py": UNSENDABLE}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def why(folder: Path, target: str, path: str) -> str:
    return sequent(folder, "why", target, path).stdout


@contextmanager
def running(folder: Path, program: str) -> Iterator[subprocess.Popen[str]]:
    """A run in the background, until two of its steps have begun to wait."""
    engine = subprocess.Popen(
        [COMMAND, "run", program, "--run-id", "live"], cwd=folder, env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 600
        while len(list(folder.glob("live/live/*.log"))) < 2:
            assert time.monotonic() < deadline, "the run does not start"
            time.sleep(0.05)
        yield engine
    finally:
        (folder / "release").touch()
        engine.kill()
        engine.wait()


def test_check_finds_nothing_wrong_with_a_sound_flow_and_leaves_no_store(folder: Path) -> None:
    assert sequent(folder, "check", "flow.py").stdout == "3 steps, 1 container: nothing wrong\n"
    data = json.loads(sequent(folder, "check", "flow.py", "--json").stdout)
    assert data == {"program": "flow", "steps": 3, "containers": 1, "errors": [], "warnings": []}
    assert not list(folder.glob("*.db"))


def test_check_warns_of_what_nothing_can_bring_on(folder: Path) -> None:
    lines = sequent(folder, "check", "raw.py").stdout.splitlines()
    assert lines[-1] == "4 steps, 0 containers: 6 warnings"
    for thing in ("event 'other'", "event 'never'", "event 'both'", "step 'second'", "step 'alone'", "pool 'licences'"):
        assert sum(line.startswith(f"warning: {thing}:") for line in lines) == 1, thing


def test_check_tells_what_cannot_run_in_a_line_with_a_remedy(folder: Path) -> None:
    error = one_line_error(folder, "check", "unsendable.py")
    assert "'guarded'" in error
    assert "task_construct 'thread'" in error
    fixed = sequent(folder, "check", "unsendable.py", "--set", "task_construct=thread")
    assert fixed.stdout == "1 step, 0 containers: nothing wrong\n"
    assert "max_concurrent" in one_line_error(folder, "check", "flow.py", "--set", "max_concurent=2")
    (folder / "circle.py").write_text(FLOW.replace('add_step("load", quiet)', 'add_step("load", quiet, '
                                                   'require=(("push", seq.STEP_SUCCESS),))'))  # fmt: skip
    assert "wait for each other" in one_line_error(folder, "check", "circle.py")


@pytest.fixture
def down(folder: Path) -> Path:
    """The folder, with a run whose first transmission failed."""
    (folder / "down").touch()
    sequent(folder, "run", "flow.py", code=1)
    return folder


def test_a_failed_run_is_explained(down: Path) -> None:
    failed = why(down, "flow.py", "days/push@1.1")
    assert failed.startswith("days/push@1.1 [mon]: failure\n  ConnectionRefusedError: mon is down\n")
    assert "in try 2" in failed
    assert why(down, "flow.py", "after").splitlines() == [
        "after@1: not reached",
        "  it requires days success, but days@1 failed",
        "  the run ended with failure of days/push@1.1 [mon]: ConnectionRefusedError: mon is down",
    ]
    assert "iteration 2" in why(down, "flow.py", "days/load@1.2")
    data = json.loads(sequent(down, "why", "flow.py", "after@1", "--json").stdout)
    assert [reason["kind"] for reason in data["instances"][0]["reasons"]] == ["requirement", "run"]
    assert "did you mean 'after'" in one_line_error(down, "why", "flow.py", "aftr")
    assert "have one key;" in one_line_error(down, "why", "flow.py", "after@1.2")


def test_the_logs_of_a_failed_run_are_shown(down: Path) -> None:
    logs = sequent(down, "logs", "flow.py", "days/push", "--failed").stdout
    assert [line.split(" (")[0] for line in logs.splitlines() if line.startswith("==>")] == [
        "==> days/push@1.1 [mon]"
    ] * 2
    assert logs.count("sending mon") == 2
    second = json.loads(sequent(down, "logs", "flow.py", "days", "--try", "2", "--json").stdout)
    assert [(one["path"], one["sequence"], one["try"], one["text"]) for one in second] == [
        ("days/push", "1.1", 2, "sending mon\n")
    ]
    assert (
        "days/load@1.1 [mon] (try 1, success) wrote nothing" in sequent(down, "logs", "flow.py", "days/load@1.1").stderr
    )
    assert "no try of after" in sequent(down, "logs", "flow.py", "after", code=3).stderr


def test_the_recovery_of_a_failed_run_is_rehearsed(down: Path) -> None:
    before = rows(down / "flow.run.db", "select count(*), max(recovery) from {tasks}")
    told = sequent(down, "recover", "flow.py", "--dry-run").stdout
    assert re.search(r"runs again +days/push +@1.1 \(failure\)", told)
    assert re.search(r"skipped +days/load +@1.1", told)
    assert re.search(r"will run when reached +after +@1", told)
    assert "to run again: 1; to run for the first time: 3; to skip: 1" in told
    (down / "flow.py").write_text(FLOW.replace('"after"', '"finally"'))
    assert "added: finally; removed: after" in sequent(down, "recover", "flow.py", "--dry-run").stdout
    steps = json.loads(sequent(down, "recover", "flow.run.db", "--dry-run", "--json").stdout)["steps"]
    assert [(step["path"], step["again"], step["first"], step["skipped"]) for step in steps] == [
        ("days/load", 0, 1, 1), ("days/push", 1, 1, 0), ("finally", 0, 1, 0),
    ]  # fmt: skip
    assert rows(down / "flow.run.db", "select count(*), max(recovery) from {tasks}") == before

    (down / "down").unlink()
    (down / "flow.py").write_text(FLOW)
    sequent(down, "recover", "flow.py")
    assert "nothing to recover" in sequent(down, "recover", "flow.py", "--dry-run", code=3).stderr
    assert "recovery 1 skipped it" in why(down, "flow.py", "days/load@1.1")


def test_a_dry_run_says_where_recover_would_refuse(folder: Path) -> None:
    (folder / "down").touch()
    sequent(folder, "run", "flow.py", code=1)
    (folder / "flow.py").write_text(FLOW.replace('"load"', '"fetch"'))
    refused = sequent(folder, "recover", "flow.py", "--dry-run", code=2)
    assert "'days/load'" in refused.stderr
    assert "runs again" in refused.stdout
    sequent(folder, "recover", "flow.py", "--dry-run", "--accept-removed")


def test_raw_programs_are_explained_by_their_events(folder: Path) -> None:
    sequent(folder, "run", "raw.py", "--max-loops", "1")
    second = why(folder, "raw.py", "second")
    assert "second@1: waiting" in second
    assert "event 'both' holds when done and never; missing at 1: never; came: done" in second
    assert "sequent continue raw.run.db" in second
    assert "delay of 600 s is due in" in why(folder, "raw.py", "third")
    assert "no association leads to it" in why(folder, "raw.py", "alone")
    elsewhere = why(folder, "raw.py", "second@7")
    assert "'done' has not been triggered at 7: first success triggers it, but first has not been reached" in elsewhere


def test_a_step_may_have_the_sign_of_a_sequence_in_its_name(folder: Path) -> None:
    (folder / "at.py").write_text(RAW.replace('"first"', '"mail@home"'))
    sequent(folder, "run", "at.py", "--max-loops", "1", "--run-id", "one")
    assert why(folder, "at.py", "mail@home").startswith("mail@home@1: success\n")
    assert "mail@home@1: success" in why(folder, "at.py", "mail@home@1")
    told = sequent(folder, "rerun", "at.py", "mail@home", "--dry-run").stdout
    assert re.search(r"runs again +mail@home", told)
    for verb in ("why", "cancel", "rerun"):
        assert "write PATH for all instances" in one_line_error(folder, verb, "at.py", "mail@home@")
    assert "no instance of mail@home is ready" in one_line_error(folder, "cancel", "at.py", "mail@home")


def test_what_a_cancelled_run_did_not_reach_is_not_waiting(folder: Path) -> None:
    sequent(folder, "run", "raw.py", "--max-loops", "1")
    assert "third  waiting" in sequent(folder, "status", "raw.py").stdout
    sequent(folder, "cancel", "raw.py")
    assert "third  not reached" in sequent(folder, "status", "raw.py").stdout


def test_a_live_run_says_what_each_step_waits_for_and_what_it_says(folder: Path) -> None:
    with running(folder, "live.py") as engine:
        assert "2 of 2 are free" not in why(folder, "live.py", "wants")
        assert "of which 0 of 2 are free; held by holder@1 (2)" in why(folder, "live.py", "wants")
        assert "free slot under max_concurrent; active: holder@1, second@1" in why(folder, "live.py", "third")
        flaky = why(folder, "live.py", "flaky")
        assert "number 2, is due in 1" in flaky
        assert "after OSError: no line" in flaky
        assert "it has been running for" in why(folder, "live.py", "holder")
        inner = why(folder, "live.py", "box/inner")
        assert "no iteration of its container box has begun" in inner
        assert "box@1: it requires holder success, but holder@1 is active" in inner
        sequent(folder, "pause", "live.py")
        assert "the run is paused by" in why(folder, "live.py", "third")
        sequent(folder, "resume", "live.py")
        assert "working on it" in sequent(folder, "clean", "live.py", "--keep", "0", code=3).stderr

        follower = subprocess.Popen(
            [COMMAND, "logs", "live.py", "holder", "--follow"], cwd=folder, stdout=subprocess.PIPE, text=True
        )
        assert follower.stdout is not None
        assert follower.stdout.readline() == "==> holder@1 (try 1, active) <==\n"
        assert follower.stdout.readline() == "begin holder\n"
        (folder / "release").touch()
        assert follower.communicate(timeout=600)[0] == "end holder\n"
        assert follower.returncode == 0
        engine.kill()
        engine.wait()
    advice = "its engine is gone; to continue, run: sequent continue live.run.db --run-id live"
    assert advice in why(folder, "live.py", "flaky")
    assert sequent(folder, "status", "live.py").stdout.splitlines()[-1] == advice


def test_old_runs_are_deleted_with_all_that_is_theirs(folder: Path) -> None:
    store = folder / "flow.run.db"
    for name in ("one", "two", "three"):
        sequent(folder, "run", "-q", "flow.py", "--run-id", name, "--set", "max_result_size=1")
    assert "--keep" in one_line_error(folder, "clean", "flow.py")
    assert "30d" in one_line_error(folder, "clean", "flow.py", "--older-than", "long")
    assert "nothing to clean" in sequent(folder, "clean", "flow.py", "--older-than", "1h", code=3).stderr
    told = sequent(folder, "clean", "flow.py", "--keep", "1", "--dry-run").stdout.splitlines()
    assert [line.split()[2] for line in told[:-1]] == ["two", "one"]
    assert rows(store, "select run_id from {runs} order by id") == [("one",), ("two",), ("three",)]

    assert "2 of 3 runs deleted" in sequent(folder, "clean", "flow.run.db", "--keep", "1", "--logs").stdout
    assert rows(store, "select run_id from {runs}") == [("three",)]
    for table in ("recoveries", "tasks", "results", "attempts", "delays", "iterations", "loops", "items"):
        assert rows(store, f"select count(*) from {{{table}}} where run not in (select id from {{runs}})") == [(0,)]
    assert [log.name for log in (folder / "flow").iterdir()] == ["three"]
    assert len(list((folder / "flow.run.db.results").iterdir())) == 1

    sequent(folder, "clean", "flow.py", "--older-than", "0s")
    assert rows(store, "select count(*) from {programs}") == [(0,)]
    sequent(folder, "run", "-q", "flow.py")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shells_complete_verbs_options_and_files(shell: str, folder: Path) -> None:
    environment = {**os.environ, "_SEQUENT_COMPLETE": f"{shell}_source"}
    script = subprocess.run([COMMAND], env=environment, capture_output=True, text=True, check=True).stdout
    assert "_sequent_completion" in script
    subprocess.run([system_command(shell), "-n", "-c", script], check=True)


def test_what_bash_completes(folder: Path) -> None:
    def completed(*words: str) -> list[str]:
        program = """
            eval "$(_SEQUENT_COMPLETE=bash_source sequent)" 2>/dev/null
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { echo "files"; }
            _sequent_completion sequent; printf '%s\\n' "${COMPREPLY[@]}"
        """
        path = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-c", program, "bash", "sequent", *words], cwd=folder, capture_output=True,
                              text=True, check=True, env={**os.environ, "PATH": path})  # fmt: skip
        return done.stdout.split()

    assert {"recover", "report"} <= set(completed("re"))
    assert completed("recover", "flow.py", "--dry") == ["--dry-run"]
    assert completed("why", "fl") == ["files"]
