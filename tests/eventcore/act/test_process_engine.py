"""Worker processes and the program that started them: none outlives it, and its main module runs once."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.eventcore.act.bench import DEADLINE, eventually
from tests.eventcore.act.processes import alive, pids_in

ENGINE = """
import os, signal, subprocess, sys, threading, time
from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.executor import Setting
from eventcore.act.executors.process import ProcessExecutor

print("the main module runs")
outcomes = {}
changed = threading.Condition()

def report(ticket, outcome):
    with changed:
        outcomes[ticket] = outcome
        changed.notify_all()

executor = ProcessExecutor(report, Setting("process", 2))

def start(ticket, function, *args):
    executor.start(ticket, Call(function, args, {}, Current("s", "1", 0, 1, "r")), None)

def wait(ticket):
    with changed:
        assert changed.wait_for(lambda: ticket in outcomes, 15)
        return outcomes[ticket]
"""


def engine(tmp_path: Path, body: str, *args: str) -> subprocess.Popen[str]:
    """Start a program without a main guard that has an executor, and goes on with `body`."""
    program = tmp_path / "program.py"
    program.write_text(ENGINE + textwrap.dedent(body))
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", str(program), *args],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("method", ["none", "spawn", "forkserver"])
def test_the_main_module_runs_once_and_its_functions_are_known(tmp_path: Path, method: str) -> None:
    body = """
        import multiprocessing
        if sys.argv[1] != "none":
            multiprocessing.set_start_method(sys.argv[1])
        FACTOR = 7
        def double(number):
            print("the step runs")
            return helper(number)
        def helper(number):
            return number * FACTOR
        start(1, double, 6)
        print("result", wait(1).result)
        executor.close()
    """
    out, err = engine(tmp_path, body, method).communicate(timeout=DEADLINE)
    assert out.splitlines() == ["the main module runs", "the step runs", "result 42"]
    assert err == ""


@pytest.mark.parametrize("closing", ["executor.close()", "", "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_engine_leaves_without_noise_or_workers(tmp_path: Path, closing: str) -> None:
    process = engine(
        tmp_path,
        f"""
        start(1, os.getpid)
        wait(1)
        start(2, time.sleep, 300)
        start(3, os.getpid)
        print(wait(1).result, wait(3).result, flush=True)
        {closing}
        """,
    )
    out, err = process.communicate(timeout=DEADLINE)
    assert err == ""
    pids = [int(word) for word in out.splitlines()[-1].split()]
    assert eventually(lambda: not any(alive(pid) for pid in pids))


STUCK = 'import re; re.match("(a+)+$", "a" * 60 + "b")'


@pytest.mark.parametrize("busy", ["child.wait()", STUCK], ids=["asleep", "holding the interpreter's lock"])
@pytest.mark.parametrize(
    "bystander", ["", "os.fork() or time.sleep(300)"], ids=["alone", "with a forked process that lives on"]
)
def test_when_the_engine_is_killed_its_workers_and_their_programs_die(
    tmp_path: Path, busy: str, bystander: str
) -> None:
    process = engine(
        tmp_path,
        f"""
        def step(path):
            child = subprocess.Popen(["sleep", "300"])
            with open(path, "w") as file:
                print(os.getpid(), child.pid, file=file)
            {busy}
        start(1, step, sys.argv[1])
        start(2, os.getpid)
        idle = wait(2).result
        while not os.path.exists(sys.argv[1]):
            time.sleep(0.01)
        forked = {bystander or None}
        print("ready", idle, forked or "", flush=True)
        time.sleep(300)
        """,
        str(tmp_path / "pids"),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        lines = iter(process.stdout.readline, "")
        _, idle, *forked = next(line for line in lines if line.startswith("ready")).split()
        pids = [*pids_in(tmp_path / "pids"), int(idle)]
        assert all(alive(pid) for pid in pids)
        process.kill()
        process.wait()
        assert eventually(lambda: not any(alive(pid) for pid in pids))
        for pid in forked:
            assert alive(int(pid))
            os.kill(int(pid), signal.SIGKILL)
    finally:
        process.kill()
        process.stdout.close()
        process.stderr.close()
        process.wait()
