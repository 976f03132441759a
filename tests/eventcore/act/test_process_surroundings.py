"""What a step finds around it in a worker process, and where what it writes goes.

The functions are defined inside the tests, so they travel by value and the module need not be importable.
"""

import atexit
import importlib
import io
import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eventcore.act.steplog import LogTarget
from tests.eventcore.act.bench import LOG, Bench, eventually
from tests.eventcore.act.processes import alive
from tests.support import eventor, start


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


def test_the_folder_is_put_back_though_the_step_removed_it(
    lone: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def remove() -> None:
        os.chdir("/")
        folder.rmdir()

    assert lone.run(remove).ok
    assert "FileNotFoundError" in str(lone.run(os.getcwd).error)


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


def test_what_is_written_past_python_is_in_the_log_though_an_earlier_call_could_not_begin(
    lone: Bench, tmp_path: Path
) -> None:
    class Unreadable:
        def __reduce__(self) -> Any:
            return importlib.import_module, ("a_module_that_is_not_there",)

    def step() -> None:
        os.write(2, b"last words\n")
        os._exit(3)

    log = LogTarget(str(tmp_path))
    assert "ModuleNotFoundError" in str(lone.run(abs, Unreadable(), log=log, step="first/load").error)
    lone.run(step, log=log, step="second/load")
    assert eventually(partial(_says, tmp_path / "second" / LOG, "last words\n"))


def test_what_threads_of_a_step_print_and_log_is_in_its_log(lone: Bench, tmp_path: Path) -> None:
    def speak(number: int) -> None:
        for _ in range(50):
            print(f"printed by {number}")
            logging.getLogger().warning("logged by %d", number)

    def step() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(speak, [1, 2]))

    assert lone.run(step, log=LogTarget(str(tmp_path))).ok
    lines = (tmp_path / LOG).read_text().splitlines()
    assert [sum(word in line for line in lines) for word in ("printed by 1", "printed by 2")] == [50, 50]
    assert sum("[ Task-load(1.2) ][ WARNING ][ logged by" in line for line in lines) == len(lines) - 100 == 100


@pytest.mark.parametrize("construct", ["invoke", "thread"])
def test_a_flow_that_runs_in_a_step_does_not_write_to_its_log_nor_take_it_away(
    lone: Bench, tmp_path: Path, construct: str
) -> None:
    def step(folder: Path) -> None:
        print("before")
        inner = eventor(folder / "inner.run.db", task_construct=construct, logdir=folder, console=False)
        start(inner, inner.add_step("s", print, ("inside",)))
        assert inner.run(run_id="one")
        with (folder / "file").open("w"):
            print("after")

    outer = tmp_path / "outer"
    assert lone.run(step, tmp_path, log=LogTarget(str(outer))).ok
    lines = [line for line in (outer / LOG).read_text().splitlines() if not line.startswith("[")]
    assert lines == ["before", "after"]
    assert (tmp_path / "program" / "one" / "s@1.1.log").read_text() == "inside\n"
    assert (tmp_path / "file").read_text() == ""


def test_a_silent_step_leaves_no_file_whatever_becomes_of_it(lone: Bench, tmp_path: Path) -> None:
    log = LogTarget(str(tmp_path / "folder"))
    assert lone.run(abs, -1, log=log).ok
    assert not lone.run(os._exit, 3, log=log).ok
    assert lone.run(time.sleep, 300, timeout=0.2, log=log).error == "timed out after 0.2 s"
    lone.executor.close()
    assert list((tmp_path / "folder").iterdir()) == []


def _says(log: Path, text: str) -> bool:
    return log.exists() and log.read_text() == text


def spoil(what: str) -> int:
    """A step that leaves something behind; it returns its process."""
    if what == "an alarm":
        signal.setitimer(signal.ITIMER_REAL, 0.2)
    elif what == "a signal handler":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif what == "a blocked signal":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    elif what == "a limit":
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    elif what == "a recursion limit":
        sys.setrecursionlimit(200)
    elif what == "a umask":
        os.umask(0o777)
    elif what == "a thread":
        threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
    elif what == "a standard stream":
        sys.stdout = io.StringIO()
    elif what == "a level of logging":
        logging.getLogger().setLevel(logging.ERROR)
        logging.disable(logging.WARNING)
    elif what == "other handlers of logging":
        logging.basicConfig(force=True)
    elif what == "a lower hard limit":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.geteuid() == 0:  # who may raise it again
            threading.Thread(target=time.sleep, args=(300,)).start()
    return os.getpid()


def around() -> list[Any]:
    """A step that returns what it finds around it."""
    umask = os.umask(0o022)
    os.umask(umask)
    blocked = sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ())))
    limits = [list(resource.getrlimit(limit)) for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
    handlers = [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGALRM)]
    threads = [thread.name for thread in threading.enumerate()]
    kept = [sys.getrecursionlimit(), list(signal.getitimer(0)), type(sys.stdout).__name__]
    kept += [logging.getLogger().isEnabledFor(level) for level in (logging.INFO, logging.WARNING)]
    kept += [type(handler).__name__ for handler in logging.getLogger().handlers]
    return [umask, blocked, limits, handlers, threads, kept]


@pytest.mark.parametrize(
    ("what", "is_put_back"),
    [
        ("an alarm", True),
        ("a signal handler", True),
        ("a blocked signal", True),
        ("a limit", True),
        ("a recursion limit", True),
        ("a umask", True),
        ("a thread", False),
        ("a standard stream", False),
        ("a level of logging", True),
        ("other handlers of logging", False),
        ("a lower hard limit", False),
    ],
)
def test_what_a_step_leaves_does_not_reach_the_next(lone: Bench, what: str, is_put_back: bool) -> None:
    before = lone.value(around)
    pid = lone.value(spoil, what)
    assert lone.value(around) == before
    assert (lone.value(os.getpid) == pid) is is_put_back
    assert is_put_back or eventually(lambda: not alive(pid))


def test_a_worker_that_retires_makes_room_at_once(lone: Bench) -> None:
    def step() -> int:
        atexit.register(time.sleep, 300)
        threading.Thread(target=time.sleep, args=(300,), daemon=True).start()
        return os.getpid()

    pids = [lone.value(step) for _ in range(3)]
    assert len(set(pids)) == 3
    lone.executor.close()
    assert not any(map(alive, pids))
