"""Steering a run from the shell: a live engine answers at once, a stopped run remembers."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import COMMAND, run_sequent

#: two steps side by side that wait for a file of their own, and one after each; a loop that waits in each iteration
FLOW = """
import time
from pathlib import Path
import sequent as seq

def wait(name):
    while not Path(name).exists():
        time.sleep(0.02)
    return name

flow = seq.Sequent(config={"max_concurrent": 4})
a = flow.add_step("a", wait, args=("go-a",))
flow.add_step("after_a", print, args=("after a ran",), require=((a, seq.STEP_SUCCESS),))
each = flow.add_step("each", loop=["x", "y"])
inner = each.add_step("inner", wait, args=("go-b",))
each.add_step("then", print, args=("then ran",), require=((inner, seq.STEP_SUCCESS),))
flow.add_step("after_each", print, args=("after each ran",), require=((each, seq.STEP_COMPLETE),))
"""

RAW = """
import time
from pathlib import Path
import eventcore as evr

ev = evr.Eventor(config={"task_construct": "thread"})
go, more = ev.add_event("go"), ev.add_event("more")

def wait():
    while not Path("go-a").exists():
        time.sleep(0.02)

ev.add_assoc(go, ev.add_step("waits", wait))
ev.add_assoc(more, ev.add_step("extra", print, args=("extra ran",)))
ev.trigger_event(go, 1)
ev.run()
"""


class Shell:
    """The command in a folder, and the run that it started there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "TMPDIR": str(folder)}
        self.running: subprocess.Popen[str] | None = None

    def __call__(self, *arguments: str, code: int = 0) -> str:
        done = run_sequent(self.folder, *arguments, environment=self.environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, target: str) -> None:
        self.running = subprocess.Popen(
            [COMMAND, "run", target], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def ended(self) -> tuple[int, str]:
        assert self.running is not None
        output, _ = self.running.communicate(timeout=600)
        return self.running.returncode, output

    def status(self, target: str = "flow.run.db") -> dict[str, str]:
        try:
            found = json.loads(self("status", target, "--json"))
        except AssertionError:
            return {}

        def walk(steps: list[dict[str, object]]) -> Iterator[tuple[str, str]]:
            for step in steps:
                yield str(step["path"]), str(step["state"])
                yield from walk(step["steps"])  # type: ignore[arg-type]

        return {"run": found["state"], **dict(walk(found["steps"]))}

    def until(self, holds: Callable[[dict[str, str]], bool], target: str = "flow.run.db") -> dict[str, str]:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            status = self.status(target)
            if status and holds(status):
                return status
            time.sleep(0.1)
        raise AssertionError(f"never came: {status}")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "flow.py").write_text(FLOW)
    (tmp_path / "raw.py").write_text(RAW)
    found = Shell(tmp_path)
    yield found
    if found.running is not None and found.running.poll() is None:
        found.running.kill()
        found.running.communicate()


def both_wait(status: dict[str, str]) -> bool:
    return status["a"] == "active" and status["each/inner"] == "active"


def test_a_paused_run_starts_nothing_until_it_is_resumed(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    assert "done" in shell("pause", "flow.run.db")
    (shell.folder / "go-a").touch()
    status = shell.until(lambda status: status["a"] == "success")
    assert (status["run"], status["after_a"]) == ("paused", "ready")
    (shell.folder / "go-b").touch()
    assert "done" in shell("resume", "flow.run.db")
    code, output = shell.ended()
    assert code == 0
    assert "after a ran" in output


def test_a_run_that_nobody_works_on_can_be_paused_and_stays_so(shell: Shell) -> None:
    (shell.folder / "flow.py").write_text(
        "import sequent as seq\n"
        "flow = seq.Sequent(config={'task_construct': 'invoke'})\n"
        "flow.add_step('later', print, args=('later ran',), delay=0.2)\n"
    )
    shell("run", "flow.py", "--max-loops", "1")
    shell("pause", "flow.run.db")
    assert shell.status()["run"] == "paused"
    assert "later ran" not in shell("continue", "flow.run.db", "--max-loops", "1")
    shell("resume", "flow.run.db")
    assert "later ran" in shell("continue", "flow.run.db")


def test_cancelling_an_instance_ends_it_and_lets_the_rest_go_on(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    shell("cancel", "flow.run.db", "a@1")
    (shell.folder / "go-b").touch()
    code, output = shell.ended()
    status = shell.status()
    assert code == 0
    assert (status["a"], status["after_a"], status["each"]) == ("cancelled", "not reached", "success")
    assert "after a ran" not in output


def test_cancelling_a_container_ends_what_is_inside_and_recovery_takes_it_up_again(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    shell("cancel", "flow.run.db", "each")
    (shell.folder / "go-a").touch()
    assert shell.ended()[0] == 0
    status = shell.status()
    assert (status["each"], status["each/inner"], status["after_each"]) == ("cancelled", "cancelled", "not reached")
    assert "already succeeded" in shell("continue", "flow.run.db", code=3)
    (shell.folder / "go-b").touch()
    assert "each/inner" in shell("recover", "flow.run.db", "--dry-run")
    assert shell("recover", "flow.run.db").count("then ran") == 2
    assert "already succeeded" in shell("recover", "flow.run.db", code=3)


def test_a_cancelled_run_ends_its_workers_and_can_be_recovered(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    shell("cancel", "flow.run.db")
    assert shell.ended()[0] == 1
    assert shell.status()["run"] == "cancelled"
    (shell.folder / "go-a").touch()
    (shell.folder / "go-b").touch()
    output = shell("recover", "flow.run.db")
    assert "after a ran" in output
    assert output.count("then ran") == 2


def test_an_event_can_be_triggered_in_a_live_run_and_in_a_stopped_one(shell: Shell) -> None:
    shell.start("raw.py")
    shell.until(lambda status: status["waits"] == "active", "raw.run.db")
    assert "done" in shell("trigger", "raw.run.db", "more")
    shell.until(lambda status: status["extra"] in ("ready", "success"), "raw.run.db")
    (shell.folder / "go-a").touch()
    assert "extra ran" in shell.ended()[1]
    assert "trigger: taken for run" in shell("trigger", "raw.run.db", "more", "7")
    assert "extra ran" in shell("continue", "raw.run.db")


def test_what_cannot_be_done_is_said_in_one_line(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    assert "has no step 'b'; it has a, " in shell("cancel", "flow.run.db", "b", code=2)
    assert "no instance of after_a is ready" in shell("cancel", "flow.run.db", "after_a", code=2)
    assert "has no event 'nope'" in shell("trigger", "flow.run.db", "nope", code=2)
    (shell.folder / "go-a").touch()
    (shell.folder / "go-b").touch()
    assert shell.ended()[0] == 0
    assert "is already over: success" in shell("pause", "flow.run.db", code=3)


def test_what_would_change_nothing_is_refused_and_is_no_success(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    assert "the run is not paused" in shell("resume", "flow.run.db", code=3)
    shell("pause", "flow.run.db")
    assert "the run is already paused" in shell("pause", "flow.run.db", code=3)
    shell("cancel", "flow.run.db")
    shell.ended()
    assert "is already over: cancelled" in shell("cancel", "flow.run.db", code=3)
    assert "is already over: cancelled" in shell("cancel", "flow.run.db", "a@1", code=2)
    assert "no instance of a@7" in shell("rerun", "flow.run.db", "a@7", code=2)


def test_a_wrong_rerun_does_not_spoil_a_live_run_that_succeeds(shell: Shell) -> None:
    shell.start("flow.py")
    shell.until(both_wait)
    assert "rerun: taken for run" in shell("rerun", "flow.run.db", "after_a@7")
    (shell.folder / "go-a").touch()
    (shell.folder / "go-b").touch()
    code, output = shell.ended()
    assert code == 0
    assert "no instance of after_a@7 to run again" in output


def test_a_step_that_is_done_can_be_run_again_and_is_first_told(shell: Shell) -> None:
    (shell.folder / "go-a").touch()
    (shell.folder / "go-b").touch()
    shell("run", "flow.py")
    told = shell("rerun", "flow.run.db", "each/then@1.2", "--dry-run")
    assert "to run again: 1;" in told
    output = shell("rerun", "flow.run.db", "each/then@1.2")
    assert output.count("then ran") == 1
    assert "after each ran" not in output
    assert "after each ran" in shell("rerun", "flow.run.db", "each/then@1.2", "--downstream")
    assert "the program has no step 'nothing'; it has a" in shell("rerun", "flow.run.db", "nothing", code=2)


def test_a_rerun_that_is_asked_of_a_live_run_follows_its_end(shell: Shell) -> None:
    (shell.folder / "go-b").touch()
    shell.start("flow.py")
    shell.until(lambda status: status["after_each"] == "success" and status["a"] == "active")
    assert "rerun: taken for run" in shell("rerun", "flow.run.db", "after_each@1")
    (shell.folder / "go-a").touch()
    code, output = shell.ended()
    assert code == 0
    assert output.count("after each ran") == 2
    assert output.count("then ran") == 2
