"""A run that is to begin while another of its program is under way: it is skipped, waits, or begins all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from eventcore.errors import ConfigError, RunNotFoundError
from eventcore.record import lease
from eventcore.record.store import Store
from tests.acceptance.test_shell import one_line_error, sequent
from tests.commands import COMMAND
from tests.crash.processes import eventually
from tests.support import eventor, rows, start

FLOW = """
import os
import time
from pathlib import Path
import sequent as seq

def work(name):
    Path(f"{name} began").touch()
    while not Path(f"{name} may end").exists():
        time.sleep(0.02)

def build(name: str = "second", late: bool = False) -> seq.Sequent:
    flow = seq.Sequent("work", config={"logdir": "."})
    flow.add_step("work", work, args=(name,))
    flow.add_step("late", print, delay=3600 if late else 0)
    return flow

other = seq.Sequent("other", config={"logdir": "."})
other.add_step("other", print)
"""

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts runs in the background of the test and, unless it is told otherwise, waits until they work."""
    (tmp_path / "flow.py").write_text(FLOW)
    started: list[subprocess.Popen[str]] = []

    def started_run(name: str, *options: str, until: bool = True) -> subprocess.Popen[str]:
        arguments = [str(COMMAND), "run", "-q", "flow.py:build", "--run-id", name, "--param", f"name={name}", *options]
        process = subprocess.Popen(
            arguments, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        started.append(process)
        if until:
            eventually((tmp_path / f"{name} began").exists, f"the work of {name}")
        return process

    yield started_run
    for process in started:
        process.kill()
        process.communicate()


def let_end(folder: Path, *names: str) -> None:
    for name in names:
        (folder / f"{name} may end").touch()


def recorded(folder: Path) -> list[str]:
    """The runs of the store, in the order in which they were made."""
    return [run_id for (run_id,) in rows(folder / "flow.run.db", "select run_id from {runs} order by id")]


def test_skip_says_so_in_a_line_exits_with_0_and_leaves_no_run(begin: Begin, tmp_path: Path) -> None:
    first = begin("first")
    done = sequent(tmp_path, "run", "-q", "flow.py:build", "--overlap", "skip")
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"sequent: skipped: run 'first' of program 'work' is under way in process {first.pid} on ")
    assert recorded(tmp_path) == ["first"]
    let_end(tmp_path, "first", "second")
    assert first.wait() == 0
    sequent(tmp_path, "run", "-q", "flow.py:build", "--run-id", "second", "--overlap", "skip")
    assert recorded(tmp_path) == ["first", "second"]


def test_what_is_skipped_in_the_background_says_so_in_a_line_too(begin: Begin, tmp_path: Path) -> None:
    begin("first")
    done = sequent(tmp_path, "run", "--detach", "flow.py:build", "--overlap", "skip")
    assert done.stdout == ""
    assert done.stderr.startswith("sequent: skipped: run 'first' of program 'work' is under way")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*.log"))


def test_wait_begins_when_the_other_run_is_over(begin: Begin, tmp_path: Path) -> None:
    first, second = begin("first"), begin("second", "--overlap", "wait", until=False)
    assert second.stderr is not None
    assert "waiting for the end of another run: run 'first' of program 'work'" in second.stderr.readline()
    assert recorded(tmp_path) == ["first"]
    let_end(tmp_path, "first", "second")
    assert (first.wait(), second.wait()) == (0, 0)
    [(ended, created)] = rows(
        tmp_path / "flow.run.db",
        "select (select ended from {recoveries} where run = 1), (select created from {runs} where id = 2)",
    )
    assert ended <= created


def test_waiting_ends_with_ctrl_c_and_leaves_no_run(begin: Begin, tmp_path: Path) -> None:
    begin("first")
    second = begin("second", "--overlap", "wait", until=False)
    assert second.stderr is not None
    second.stderr.readline()
    second.send_signal(signal.SIGINT)
    assert second.wait() == 1
    assert second.stderr.read().strip() == "sequent: interrupted"
    assert recorded(tmp_path) == ["first"]


@pytest.mark.parametrize("options", [(), ("--overlap", "allow")])
def test_runs_begin_beside_others_unless_something_else_is_said(
    begin: Begin, options: tuple[str, ...], tmp_path: Path
) -> None:
    begin("first")
    begin("second", *options)
    assert recorded(tmp_path) == ["first", "second"]


def test_only_runs_of_the_same_program_count(begin: Begin, tmp_path: Path) -> None:
    begin("first")
    sequent(tmp_path, "run", "-q", "flow.py:other", "--overlap", "skip")
    assert len(recorded(tmp_path)) == 2


def test_a_run_without_a_living_engine_is_not_under_way_and_a_line_says_that_it_was_left(
    begin: Begin, tmp_path: Path
) -> None:
    killed = begin("killed")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    let_end(tmp_path, "pending", "second")
    options = ("--param", "name=pending", "--param", "late=yes", "--max-loops", "1")
    sequent(tmp_path, "run", "-q", "flow.py:build", "--run-id", "pending", *options)
    for overlap in ("skip", "wait"):
        done = sequent(tmp_path, "run", "-q", "flow.py:build", "--overlap", overlap)
        left = "left as they are: killed (interrupted), pending (pending)"
        assert f"{left}; to continue every run: sequent continue flow.run.db --all" in done.stderr
        assert "success" in done.stdout


def test_what_is_skipped_says_which_runs_were_left_too(begin: Begin, tmp_path: Path) -> None:
    begin("first")
    killed = begin("killed")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    skipped, left = sequent(tmp_path, "run", "-q", "flow.py:build", "--overlap", "skip").stderr.splitlines()
    assert "skipped: run 'first'" in skipped
    assert "left as they are: killed (interrupted);" in left


def test_of_runs_that_are_to_begin_at_the_same_moment_only_one_begins(tmp_path: Path) -> None:
    location, many = str(tmp_path / "s.db"), 8
    Store(location).close()
    barrier, begun, refused = threading.Barrier(many), list[str](), list[str]()

    def try_to_begin(name: str) -> None:
        store = Store(location)
        barrier.wait()
        try:
            store.create_run(name, "program", None, "{}", lease.this_engine(), 60.0, 1.0, alone=True)
            begun.append(name)
        except lease.UnderWayError:
            refused.append(name)
        store.close()

    threads = [threading.Thread(target=try_to_begin, args=(f"run {number}",)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(begun), len(refused)) == (1, many - 1)
    assert rows(location, "select run_id from {runs}") == [(begun[0],)]


def test_in_python_a_skipped_run_returns_true_and_has_not_begun(tmp_path: Path) -> None:
    entered, over = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        over.wait()

    first, second = (eventor(tmp_path / "s.db", task_construct="thread") for _ in range(2))
    for program in (first, second):
        start(program, program.add_step("work", work))
    thread = threading.Thread(target=first.run)
    thread.start()
    entered.wait()
    try:
        assert second.run(overlap="skip")
        with pytest.raises(RunNotFoundError):
            _ = second.verdict
    finally:
        over.set()
        thread.join()
    assert second.run(overlap="skip")
    assert second.verdict is evr.Verdict.success


def test_an_unknown_overlap_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown overlap 'never'; use one of 'allow', 'skip', 'wait'"):
        seq.Sequent(store=":memory:").run(overlap="never")  # type: ignore[call-overload]  # that is what is tried
    (tmp_path / "flow.py").write_text(FLOW)
    assert "never" in one_line_error(tmp_path, "run", "flow.py:other", "--overlap", "never")
