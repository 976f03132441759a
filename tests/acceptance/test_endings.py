"""However a step ends, it harms its own task alone, and the attempt says why.

Each ending happens while a sibling runs, which must come to its own end.
"""

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest

import eventcore as evr
from eventcore.define.status import StepStatus
from sequent import Sequent

DEADLINE = 600
PROCESS, THREAD, INVOKE = "process", "thread", "invoke"


class UnspeakableError(Exception):
    """Its text cannot be made, nor can it be pickled."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__

    def __reduce__(self) -> NoReturn:
        raise TypeError("stays here")


class Unshowable:
    """A result that can neither be stored nor shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Outlandish(BaseException):
    """Not an `Exception`."""


def raises(error: Callable[[], BaseException]) -> Callable[[], Any]:
    def step() -> NoReturn:
        raise error()

    return step


def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leaves() -> None:
    os._exit(3)


def recurses() -> None:
    recurses()


def sleeps() -> None:
    time.sleep(600)


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def rendezvous(folder: Path, function: Callable[[], Any]) -> Callable[[], Any]:
    """The step that ends badly, once its sibling runs."""

    def step() -> Any:
        await_file(folder / "sibling")
        (folder / "bad").touch()
        return function()

    return step


def await_file(path: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)


def sibling(folder: Path) -> str:
    (folder / "sibling").touch()
    await_file(folder / "bad")
    time.sleep(0.3)
    return "whole"


def attempts(store: Path) -> dict[str, tuple[str, str | None]]:
    with closing(sqlite3.connect(store)) as connection:
        found = connection.execute(
            "SELECT t.step, t.status, error FROM eventcore_tasks t "
            "LEFT JOIN eventcore_attempts USING (run, sequence, step, recovery, try)"
        ).fetchall()
    return {step: (status, error) for step, status, error in found}


def run_beside_a_sibling(
    folder: Path, function: Callable[[], Any], executor: str, timeout: float | None = None
) -> tuple[bool, tuple[str, str | None]]:
    """Run the function beside a sibling that must be whole; return the verdict and how the attempt ended."""
    config = {"max_concurrent": 3, "task_construct": executor, "logdir": str(folder), "console": False}
    program = evr.Eventor("endings", folder / "s.db", config=config)
    start, went_on = program.add_event("start"), program.add_event("went on")
    bad = program.add_step("bad", function, config={} if timeout is None else {"timeout": timeout})
    beside = program.add_step("sibling", sibling, args=(folder,), triggers={StepStatus.success: [went_on]})
    program.add_assoc(start, beside, bad)
    program.trigger_event(start, 1)
    ok = program.run()
    found = attempts(folder / "s.db")
    assert found["sibling"] == ("success", None)
    return ok, found["bad"]


@pytest.mark.parametrize(
    ("function", "executor", "reason"),
    [
        (kills_itself, PROCESS, "SIGKILL"),
        (leaves, PROCESS, "exit code 3"),
        (raises(lambda: SystemExit(2)), PROCESS, "SystemExit: 2"),
        (raises(lambda: SystemExit(2)), THREAD, "SystemExit: 2"),
        (raises(lambda: Outlandish("odd")), PROCESS, "Outlandish: odd"),
        (raises(lambda: Outlandish("odd")), THREAD, "Outlandish: odd"),
        (raises(lambda: KeyboardInterrupt()), PROCESS, "KeyboardInterrupt"),
        (raises(lambda: KeyboardInterrupt()), THREAD, "KeyboardInterrupt"),
        (raises(lambda: GeneratorExit()), PROCESS, "GeneratorExit"),
        (raises(lambda: GeneratorExit()), THREAD, "GeneratorExit"),
        (raises(lambda: UnspeakableError(1, 2)), PROCESS, "UnspeakableError"),
        (raises(lambda: UnspeakableError(1, 2)), THREAD, "UnspeakableError"),
        (recurses, PROCESS, "RecursionError"),
        (recurses, THREAD, "RecursionError"),
    ],
)
def test_a_bad_end_is_a_failure_of_its_task_alone(
    function: Callable[[], Any], executor: str, reason: str, tmp_path: Path
) -> None:
    ok, (status, error) = run_beside_a_sibling(tmp_path, rendezvous(tmp_path, function), executor)
    assert not ok
    assert status == "failure"
    assert reason in str(error)


@pytest.mark.parametrize("executor", [PROCESS, THREAD])
@pytest.mark.parametrize(
    "result", [threading.Lock, lambda: iter(()), Unshowable, deep], ids=["lock", "iterator", "unshowable", "deep"]
)
def test_a_result_that_cannot_be_stored_is_kept_as_text(
    result: Callable[[], Any], executor: str, tmp_path: Path
) -> None:
    ok, attempt = run_beside_a_sibling(tmp_path, rendezvous(tmp_path, result), executor)
    assert ok
    assert attempt == ("success", None)


@pytest.mark.parametrize("executor", [PROCESS, THREAD])
def test_a_result_that_is_referred_to_and_cannot_be_stored_is_a_failure(executor: str, tmp_path: Path) -> None:
    config = {"task_construct": executor, "logdir": str(tmp_path), "console": False}
    flow = Sequent("flow", tmp_path / "s.db", config=config)
    maker = flow.add_step("maker", threading.Lock)
    flow.add_step("taker", print, args=(maker.result,))
    assert not flow.run()
    status, error = attempts(tmp_path / "s.db")["maker"]
    assert status == "failure"
    assert "a later step refers to this step's result, but the value is of type" in str(error)
    assert "lock" in str(error)


def test_a_function_that_cannot_be_sent_is_a_failure_that_names_the_remedy(tmp_path: Path) -> None:
    lock = threading.Lock()

    def holds_a_lock() -> None:
        with lock:
            pass

    (tmp_path / "bad").touch()
    ok, (status, error) = run_beside_a_sibling(tmp_path, holds_a_lock, PROCESS)
    assert not ok
    assert status == "failure"
    assert "cannot be pickled" in str(error)
    assert "thread" in str(error)


@pytest.mark.parametrize("executor", [PROCESS, THREAD])
def test_a_step_that_never_returns_is_timed_out(executor: str, tmp_path: Path) -> None:
    ok, (status, error) = run_beside_a_sibling(tmp_path, rendezvous(tmp_path, sleeps), executor, timeout=5)
    assert not ok
    assert status == "failure"
    assert "timed out" in str(error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SystemExit(2), "SystemExit: 2"),
        (Outlandish("odd"), "Outlandish: odd"),
        (asyncio.CancelledError(), "cancelled"),
        (None, "timed out"),
    ],
)
def test_a_coroutine_that_ends_badly_harms_no_other(error: BaseException | None, reason: str, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def bad() -> None:
        begun.set()
        await asyncio.sleep(600 if error is None else 0)
        assert error is not None
        raise error

    async def good() -> None:
        await begun.wait()
        await asyncio.sleep(0.3)

    config = {"max_concurrent": 2, "task_construct": "async", "logdir": str(tmp_path), "console": False}
    program = evr.Eventor("endings", tmp_path / "s.db", config=config)
    start = program.add_event("start")
    program.add_assoc(start, program.add_step("good", good), program.add_step("bad", bad, config={"timeout": 0.1}))
    program.trigger_event(start, 1)
    assert not program.run()
    found = attempts(tmp_path / "s.db")
    assert found["good"] == ("success", None)
    assert reason in str(found["bad"])


def test_a_step_out_of_time_takes_its_children_along(tmp_path: Path) -> None:
    def spawns() -> None:
        child = subprocess.Popen(["sleep", "600"])
        (tmp_path / "child.new").write_text(str(child.pid))
        (tmp_path / "child.new").rename(tmp_path / "child")
        child.wait()

    ok, (status, error) = run_beside_a_sibling(tmp_path, rendezvous(tmp_path, spawns), PROCESS, timeout=3)
    assert not ok
    assert status == "failure"
    assert "timed out" in str(error)
    assert_dies(int((tmp_path / "child").read_text()))


def assert_dies(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return
    pytest.fail(f"process {pid} is still alive")


def test_a_thread_that_never_returns_holds_up_neither_its_successors_nor_the_program(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""\
            import time
            import eventcore as evr

            program = evr.Eventor(config={"task_construct": "thread", "stop_on_exception": False, "console": False})
            start, after = program.add_event("start"), program.add_event("after")
            hangs = program.add_step("hangs", time.sleep, args=(600,), config={"timeout": 0.3},
                                     triggers={evr.StepStatus.failure: [after]})
            program.add_assoc(start, hangs)
            program.add_assoc(after, program.add_step("next", print, args=("next ran",), config={"timeout": 5}))
            program.trigger_event(start, 1)
            print("verdict", program.run())
        """)
    )
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["next ran", "verdict True"]


def test_a_program_that_leaves_while_a_thread_hangs_is_let_go(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""\
            import threading, time
            import eventcore as evr

            program = evr.Eventor(config={"task_construct": "thread", "max_concurrent": 2, "console": False})
            start = program.add_event("start")
            program.add_assoc(start, program.add_step("hangs", time.sleep, args=(600,), config={"timeout": 0.3}))
            program.add_assoc(start, program.add_step("says", print, args=("said",)))
            program.trigger_event(start, 1)
            print("verdict", program.run())
        """)
    )
    done = run_script(script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["said", "verdict", "False"]


def run_script(script: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=DEADLINE, env=environment
    )


@pytest.mark.parametrize("executor", [INVOKE, THREAD, PROCESS])
def test_an_ending_that_is_handled_leaves_the_run_a_success(executor: str, tmp_path: Path) -> None:
    program = evr.Eventor(
        "endings", tmp_path / "s.db",
        config={"task_construct": executor, "logdir": str(tmp_path), "console": False},
    )  # fmt: skip
    start, trouble = program.add_event("start"), program.add_event("trouble")
    bad = program.add_step("bad", raises(lambda: SystemExit("out")), triggers={StepStatus.failure: [trouble]})
    program.add_assoc(start, bad)
    program.add_assoc(trouble, program.add_step("mend", str))
    program.trigger_event(start, 1)
    assert program.run()
    assert attempts(tmp_path / "s.db") == {"bad": ("failure", "SystemExit: out"), "mend": ("success", None)}
