"""Calls in worker processes: what one of them does to its process, or what happens to the engine, harms nobody else.

The functions are defined inside the tests, so they travel by value and this module need not be importable.
"""

import importlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eventcore.act.steplog import LogTarget
from tests.eventcore.act.bench import DEADLINE, LOG, Bench, eventually


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench(max_concurrent=2)
    yield bench
    bench.executor.close()


@pytest.fixture
def lone() -> Iterator[Bench]:
    """A bench with one worker, so that each call follows the one before into the same process."""
    bench = Bench(max_concurrent=1)
    yield bench
    bench.executor.close()


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only awaits its parent's attention does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_in(path: Path) -> list[int]:
    """The process ids that a step has written to the file, once they are there."""
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n")), f"nothing in {path}"
    return [int(word) for word in path.read_text().split()]


def sleeping_with_a_child(path: Path) -> Callable[[], None]:
    """A step that starts a program, notes both process ids in the file, and waits."""
    name = str(path)

    def step() -> None:
        child = subprocess.Popen(["sleep", "300"])
        with open(name, "w") as file:
            file.write(f"{os.getpid()} {child.pid}\n")
        child.wait()

    return step


def stuck_in_c(path: Path) -> Callable[[], None]:
    """A step that starts a program and then never gives the interpreter's lock back."""
    name = str(path)

    def step() -> None:
        child = subprocess.Popen(["sleep", "300"])
        with open(name, "w") as file:
            file.write(f"{os.getpid()} {child.pid}\n")
        re.match(r"(a+)+$", "a" * 60 + "b")

    return step


# the ordinary life of a call


def test_a_function_that_can_be_imported_travels_by_name(bench: Bench) -> None:
    assert bench.value(os.path.join, "a", "b") == "a/b"


def test_a_worker_is_used_again(bench: Bench) -> None:
    assert bench.value(os.getpid) == bench.value(os.getpid) != os.getpid()


def test_workers_start_only_when_there_is_work_for_them(tmp_path: Path) -> None:
    bench = Bench(max_concurrent=50)
    try:
        assert len({bench.value(os.getpid) for _ in range(5)}) == 1
    finally:
        bench.executor.close()


def test_more_calls_than_workers_wait_their_turn(bench: Bench) -> None:
    tickets = [bench.start(os.getpid) for _ in range(50)]
    assert len({bench.reports.wait(ticket).result for ticket in tickets}) <= 2


def test_of_many_short_calls_none_is_lost(bench: Bench) -> None:
    for _ in range(300):
        tickets = [bench.start(abs, -1) for _ in range(4)]
        assert [bench.reports.wait(ticket).error for ticket in tickets] == [None] * 4


def test_calls_may_be_started_from_several_threads(bench: Bench) -> None:
    tickets: list[int] = []
    threads = [
        threading.Thread(target=lambda: tickets.extend([bench.start(abs, -1) for _ in range(50)])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bench.reports.wait(ticket).result for ticket in tickets] == ["1"] * 200


def test_large_arguments_and_results_pass(bench: Bench) -> None:
    def step(text: str) -> str:
        return text + text

    assert len(bench.value(step, "x" * 3_000_000)) == 6_000_000


# the worker that is prepared


def children() -> set[int]:
    """The processes that this one has started and that live."""
    own = os.getpid()
    found = (path.parent.name for path in Path("/proc").glob("[0-9]*/stat"))
    return {int(pid) for pid in found if alive(int(pid)) and parent_of(int(pid)) == own}


def parent_of(pid: int) -> int | None:
    """The process that started it."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def test_a_prepared_worker_takes_the_first_call(lone: Bench) -> None:
    before = children()
    lone.executor.prepare(abs)
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    assert lone.value(os.getpid) == prepared


@pytest.mark.parametrize("change", ["the environment", "the folder", "the module path"])
def test_a_prepared_worker_is_not_used_when_what_it_started_with_has_changed(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    before = children()
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    if change == "the environment":
        monkeypatch.setenv("SET_SINCE", "1")
    elif change == "the folder":
        monkeypatch.chdir(tmp_path)
    else:
        monkeypatch.syspath_prepend(tmp_path)

    def look() -> list[Any]:
        return [os.environ.get("SET_SINCE"), os.getcwd(), str(sys.path[0]), os.getpid()]

    *found, pid = lone.value(look)
    assert found == [os.environ.get("SET_SINCE"), os.getcwd(), sys.path[0]]
    assert pid != prepared
    assert eventually(lambda: not alive(prepared))


def test_a_prepared_worker_has_imported_the_module_of_the_first_function(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "to_be_imported.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    lone.executor.prepare(importlib.import_module("to_be_imported").answer)
    assert lone.value(lambda: "to_be_imported" in sys.modules)


@pytest.mark.parametrize("content", ["raise ValueError('at import')", "raise SystemExit(4)"])
def test_a_module_that_cannot_be_imported_fails_the_call_that_needs_it(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    module = tmp_path / "fails_in_workers.py"
    module.write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("fails_in_workers").answer
    module.write_text(content)
    lone.executor.prepare(function)
    assert re.search("at import|SystemExit", str(lone.run(function).error))
    assert lone.value(abs, -1) == 1


def test_a_prepared_worker_that_is_not_needed_is_gone_after_close() -> None:
    before = children()
    bench = Bench()
    bench.executor.prepare(abs)
    assert len(children() - before) == 1
    bench.executor.close()
    assert children() <= before


def test_a_prepared_worker_that_dies_is_replaced(lone: Bench) -> None:
    before = children()
    lone.executor.prepare(abs)
    (prepared,) = children() - before
    os.kill(prepared, signal.SIGKILL)
    assert eventually(lambda: not alive(prepared))
    assert lone.value(os.getpid) != prepared


# failures stay where they are


@pytest.mark.parametrize(
    ("deadly", "how"),
    [
        (lambda: os._exit(0), "exit code 0"),
        (lambda: os._exit(3), "exit code 3"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "signal SIGSEGV"),
        (lambda: os.closerange(3, 100), "exit code 1"),
    ],
    ids=["leaves quietly", "leaves with an error", "is killed", "crashes", "closes the engine's pipes"],
)
def test_a_call_that_ends_its_process_fails_alone(
    bench: Bench, tmp_path: Path, deadly: Callable[[], None], how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)

    def other() -> str:
        with open(fifo) as file:
            return file.read()

    running = bench.start(other)
    assert bench.run(deadly).error == f"the worker process died ({how})"
    assert not bench.reports.has(running)
    Path(fifo).write_text("alive")
    assert bench.reports.wait(running).result == '"alive"'
    assert bench.value(abs, -1) == 1


def test_a_call_whose_process_dies_takes_the_programs_it_started_along(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "pids")

    def step() -> None:
        child = subprocess.Popen(["sleep", "300"])
        with open(path, "w") as file:
            file.write(f"{child.pid}\n")
        os._exit(1)

    assert not bench.run(step).ok
    (child,) = pids_in(Path(path))
    assert eventually(lambda: not alive(child))


def test_a_death_is_noticed_while_a_process_that_the_step_detached_lives_on(bench: Bench, tmp_path: Path) -> None:
    path = str(tmp_path / "pids")

    def step() -> None:
        child = os.fork()
        if child == 0:
            os.setsid()
            time.sleep(300)
        with open(path, "w") as file:
            file.write(f"{child}\n")
        time.sleep(0.1)
        os._exit(1)

    assert bench.run(step).error == "the worker process died (exit code 1)"
    (child,) = pids_in(Path(path))
    assert alive(child)
    os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("error", [SystemExit(4), KeyboardInterrupt(), RecursionError("deep")], ids=repr)
def test_any_exception_is_a_failure_and_leaves_the_worker_alive(lone: Bench, error: BaseException) -> None:
    def step() -> None:
        raise error

    before = lone.value(os.getpid)
    outcome = lone.run(step)
    assert not outcome.ok
    assert outcome.error is not None
    assert type(error).__name__ in outcome.error
    assert lone.value(os.getpid) == before


def test_an_argument_that_cannot_be_pickled_fails_the_call_and_names_its_step(bench: Bench) -> None:
    outcome = bench.run(print, threading.Lock())
    assert not outcome.ok
    assert re.search(r"step 'load' .* pickle .*lock.*task_construct", str(outcome.error))
    assert bench.value(abs, -1) == 1


def test_an_argument_that_cannot_be_unpickled_in_the_worker_fails_the_call(lone: Bench) -> None:
    class Broken:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return int, ("not a number",)

    outcome = lone.run(print, Broken())
    assert "not a number" in str(outcome.error)
    assert lone.value(abs, -1) == 1


def test_a_child_that_a_step_forks_and_lets_return_is_no_second_worker(lone: Bench) -> None:
    def step() -> str:
        child = os.fork()
        if child == 0:
            sys.exit("the child leaves")
        os.waitpid(child, 0)
        return "the parent stays"

    assert lone.value(step) == "the parent stays"
    assert [lone.value(abs, -number) for number in range(5)] == [0, 1, 2, 3, 4]


def test_a_worker_killed_while_idle_is_replaced(bench: Bench) -> None:
    idle = bench.value(os.getpid)
    os.kill(idle, signal.SIGKILL)
    assert eventually(lambda: not alive(idle))
    assert bench.value(os.getpid) != idle


def test_a_worker_process_that_cannot_be_started_is_a_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert "no worker process could be started" in str(bench.run(abs, -1).error)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert bench.run(abs, -1).error == "the worker process died while it started (exit code 1)"
    monkeypatch.undo()
    assert bench.value(abs, -1) == 1


# timeouts, cancelling, closing


@pytest.mark.parametrize("step", [sleeping_with_a_child, stuck_in_c])
def test_a_call_out_of_time_fails_and_its_processes_are_gone(
    bench: Bench, tmp_path: Path, step: Callable[[Path], Callable[[], None]]
) -> None:
    bench.value(abs, -1)
    assert bench.run(step(tmp_path / "pids"), timeout=1).error == "timed out after 1 s"
    assert eventually(lambda: not any(alive(pid) for pid in pids_in(tmp_path / "pids")))
    assert bench.value(abs, -1) == 1


def test_a_call_that_ignores_termination_is_out_of_time_too(bench: Bench) -> None:
    def step() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(300)

    assert bench.run(step, timeout=0.3).error == "timed out after 0.3 s"


def test_a_timeout_counts_no_time_spent_waiting_for_a_worker(lone: Bench) -> None:
    first = lone.start(time.sleep, 1.7)
    second = lone.start(time.sleep, 0.01, timeout=1.5)
    assert lone.reports.wait(first).ok
    assert lone.reports.wait(second).ok


def test_a_call_in_time_is_not_disturbed_by_its_timeout(lone: Bench) -> None:
    assert lone.run(time.sleep, 0.01, timeout=1).ok
    assert lone.run(time.sleep, 1.2).ok


def test_a_cancelled_call_fails_and_its_processes_are_gone(bench: Bench, tmp_path: Path) -> None:
    ticket = bench.start(sleeping_with_a_child(tmp_path / "pids"))
    pids = pids_in(tmp_path / "pids")
    bench.executor.cancel(ticket)
    assert bench.reports.wait(ticket).error == "cancelled"
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    assert bench.value(abs, -1) == 1


def test_a_call_cancelled_before_it_ran_never_runs(lone: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    running = lone.start(time.sleep, 300)
    waiting = lone.start(mark.touch)
    lone.executor.cancel(waiting)
    assert lone.reports.wait(waiting).error == "cancelled"
    lone.executor.cancel(running)
    assert lone.reports.wait(running).error == "cancelled"
    assert lone.value(mark.exists) is False


def test_cancelling_a_finished_call_does_nothing(lone: Bench) -> None:
    ticket = lone.start(os.getpid)
    pid = lone.reports.wait(ticket).result
    lone.executor.cancel(ticket)
    assert lone.run(os.getpid).result == pid


def test_close_ends_and_reports_what_still_runs_or_waits(tmp_path: Path) -> None:
    bench = Bench(max_concurrent=2)
    idle = bench.start(os.getpid)
    bench.reports.wait(idle)
    tickets = [bench.start(sleeping_with_a_child(tmp_path / str(number))) for number in range(2)]
    pids = pids_in(tmp_path / "0") + pids_in(tmp_path / "1")
    tickets.append(bench.start(abs, -1))
    bench.executor.close()
    assert [bench.reports.wait(ticket).error for ticket in tickets] == ["cancelled"] * 3
    assert eventually(lambda: not any(alive(pid) for pid in pids))
    bench.executor.close()
    assert bench.run(abs, -1).error == "cancelled"


def test_close_does_not_wait_for_a_thread_that_a_finished_step_left() -> None:
    bench = Bench(max_concurrent=1)

    def step() -> int:
        threading.Thread(target=time.sleep, args=(300,)).start()
        return os.getpid()

    pid = bench.value(step)
    bench.executor.close()
    assert not alive(pid)


@pytest.mark.parametrize("leaves", [True, False], ids=["and the worker leaves", "and the worker does not leave"])
def test_a_program_left_running_by_a_finished_step_outlives_close(leaves: bool) -> None:
    bench = Bench(max_concurrent=1)

    def step() -> int:
        if not leaves:
            threading.Thread(target=time.sleep, args=(300,)).start()
        return subprocess.Popen(["sleep", "300"]).pid

    program = bench.value(step)
    try:
        bench.executor.close()
        assert alive(program)
    finally:
        os.kill(program, signal.SIGKILL)


# the log of a step


def test_what_a_program_writes_is_in_the_log_while_the_step_runs(lone: Bench, tmp_path: Path) -> None:
    log, over = tmp_path / LOG, tmp_path / "over"

    def step(path: str) -> None:
        subprocess.run(["sh", "-c", "echo started"], check=True)
        while not os.path.exists(path):
            time.sleep(0.01)

    ticket = lone.start(step, str(over), log=LogTarget(str(log.parent)))
    assert eventually(lambda: log.exists() and log.read_text() == "started\n")
    over.touch()
    assert lone.reports.wait(ticket).ok


def test_what_is_written_past_python_is_in_the_log_though_the_process_dies_of_it(lone: Bench, tmp_path: Path) -> None:
    def step(deadly: bool) -> None:
        os.write(2, b"last words\n")
        if deadly:
            os._exit(3)

    for deadly in (False, True):
        log = tmp_path / f"{deadly}" / LOG
        lone.run(step, deadly, log=LogTarget(str(log.parent)))
        assert eventually(partial(_says, log, "last words\n"))


def test_a_silent_step_leaves_no_file_whatever_becomes_of_it(lone: Bench, tmp_path: Path) -> None:
    log = LogTarget(str(tmp_path / "folder"))
    assert lone.run(abs, -1, log=log).ok
    assert not lone.run(os._exit, 3, log=log).ok
    assert lone.run(time.sleep, 300, timeout=0.2, log=log).error == "timed out after 0.2 s"
    lone.executor.close()
    assert list((tmp_path / "folder").iterdir()) == []


# what a step finds around it


def test_the_environment_is_the_calls_own_while_it_runs(lone: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHADOWED", "engine")

    def step() -> list[str | None]:
        return [os.environ.get("STEP"), os.environ.get("SHADOWED")]

    assert lone.value(step, env={"STEP": "load", "SHADOWED": "call"}) == ["load", "call"]
    assert lone.value(step) == [None, "engine"]


def test_what_a_step_does_to_its_environment_and_folder_does_not_reach_the_next(lone: Bench, tmp_path: Path) -> None:
    def spoil(folder: str) -> None:
        os.environ["LEFT"] = "over"
        del os.environ["PATH"]
        os.chdir(folder)

    def look() -> list[Any]:
        return ["LEFT" in os.environ, os.environ["PATH"], os.getcwd()]

    lone.run(spoil, str(tmp_path))
    assert lone.value(look) == [False, os.environ["PATH"], os.getcwd()]


def test_a_worker_imports_what_the_engine_can_import(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users_module.py").write_text("def answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert bench.value(importlib.import_module("users_module").answer) == 42


def test_a_worker_imports_nothing_heavy(bench: Bench) -> None:
    modules = bench.value(lambda: sorted(sys.modules))
    heavy = {"sqlalchemy", "networkx", "click", "rich", "multiprocessing", "asyncio"}
    if "coverage" in modules:  # imports that itself
        heavy.remove("multiprocessing")
    assert heavy & set(modules) == set()


def test_the_terminals_interrupt_does_not_reach_a_step_but_its_programs_can_be_interrupted(bench: Bench) -> None:
    def step() -> int:
        os.kill(os.getpid(), signal.SIGINT)
        child = subprocess.Popen(["sleep", "300"])
        child.send_signal(signal.SIGINT)
        return child.wait()

    assert bench.value(step) == -signal.SIGINT
    assert bench.value(os.getsid, 0) != os.getsid(0)


def test_a_worker_holds_no_file_of_the_engine(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = sqlite3.connect(path)
    store.execute("create table t (a)")
    leaky = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(leaky, True)
    try:

        def step() -> list[str]:
            folder = "/proc/self/fd"
            return [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder) if os.path.exists(f"{folder}/{fd}")]

        assert not [name for name in bench.value(step) if str(tmp_path) in name]
    finally:
        os.close(leaky)
        store.close()


# the engine as a program of its own

ENGINE = """
import os, signal, subprocess, sys, threading, time
from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.executor import Setting
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


def _says(log: Path, text: str) -> bool:
    return log.exists() and log.read_text() == text
