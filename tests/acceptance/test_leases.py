"""One engine works on a run, and everybody can see which; nobody else is in anybody's way."""

import os
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.status import RunMode
from eventcore.errors import RunHeldError
from tests.crash.processes import Scripts, eventually, freeze
from tests.crash.sabotage import rows, statuses

HOLDER = """\
    import pathlib, sys, time
    import eventcore as evr

    def waits(folder):
        pathlib.Path(folder, "waiting").touch()
        while not pathlib.Path(folder, "go").exists():
            time.sleep(0.01)

    folder = pathlib.Path(__file__).parent
    program = evr.Eventor("held", folder / "s.db", run_id="r", config={"lease_term": float(sys.argv[1])})
    start, then = program.add_event("start"), program.add_event("then")
    program.add_assoc(start, program.add_step("waits", waits, args=(str(folder),),
                                              triggers={evr.StepStatus.success: [then]}))
    program.add_assoc(then, program.add_step("next", print))
    program.trigger_event(start, 1)
    if __name__ == "__main__":
        print(program.run())
"""


def held_program(folder: Path) -> evr.Eventor:
    """The program of the script, built in this process."""

    def waits() -> None:
        (folder / "waiting").touch()
        eventually((folder / "go").exists, "go")

    config = {"task_construct": "thread", "logdir": str(folder), "console": False}
    program = evr.Eventor("held", folder / "s.db", run_id="r", config=config)
    start, then = program.add_event("start"), program.add_event("then")
    program.add_assoc(start, program.add_step("waits", waits, triggers={evr.StepStatus.success: [then]}))
    program.add_assoc(then, program.add_step("next", print))
    program.trigger_event(start, 1)
    return program


@contextmanager
def running(program: evr.Eventor, folder: Path) -> Iterator[list[bool]]:
    """Run the program in a thread, from when its first step waits; at the end let it go on and await it."""
    verdicts: list[bool] = []
    thread = threading.Thread(target=lambda: verdicts.append(program.run()))
    thread.start()
    try:
        eventually((folder / "waiting").exists, "the first step")
        yield verdicts
    finally:
        (folder / "go").touch()
        thread.join()


def change_row(store: Path, **values: object) -> None:
    with closing(sqlite3.connect(store, timeout=30)) as connection, connection:
        connection.execute(f"UPDATE eventcore_runs SET {', '.join(f'{key} = ?' for key in values)}", [*values.values()])


def everything(store: Path) -> dict[str, list[Any]]:
    """All rows of the store."""
    tables = rows(store, "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'eventcore_%'")
    return {name: rows(store, f"SELECT * FROM {name}") for (name,) in tables}


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_of_a_live_run_that_is_paused_the_second_engine_is_told_how_it_goes_on(mode: RunMode, tmp_path: Path) -> None:
    with running(program := held_program(tmp_path), tmp_path) as verdicts:
        steering = evr.steer(program.store)
        assert steering.pause().is_done
        with pytest.raises(RunHeldError, match="the run is paused; to let that engine go on with it, use `sequent res"):
            held_program(tmp_path).run(run_mode=mode)
        assert steering.resume().is_done
        with pytest.raises(RunHeldError, match=r"last heard from .* s ago; wait for it to finish"):
            held_program(tmp_path).run(run_mode=mode)
    assert verdicts == [True]


@pytest.mark.parametrize("mode", [RunMode.recover, RunMode.continue_])
def test_a_second_engine_of_this_process_is_refused(mode: RunMode, tmp_path: Path) -> None:
    with running(held_program(tmp_path), tmp_path) as verdicts:
        with pytest.raises(RunHeldError) as refused:
            held_program(tmp_path).run(run_mode=mode)
        assert socket.gethostname() in str(refused.value)
        assert f"process {os.getpid()} " in str(refused.value)
    assert verdicts == [True]
    assert statuses(tmp_path / "s.db") == {("waits", "1"): "success", ("next", "1"): "success"}
    assert held_program(tmp_path).run(run_mode=mode)


def test_a_second_engine_of_another_process_is_refused(scripts: Scripts, tmp_path: Path) -> None:
    holder = scripts.start(scripts.write(HOLDER), 30)
    eventually((tmp_path / "waiting").exists, "the first step")
    with pytest.raises(RunHeldError, match=f"process {holder.pid} on {socket.gethostname()}"):
        held_program(tmp_path).run(run_mode=RunMode.recover)
    other = scripts.write(HOLDER.replace("program.run()", "program.run(run_mode=evr.RunMode.recover)"), "other.py")
    refused = scripts.run(other, 30)
    assert refused.returncode == 1
    assert f"RunHeldError: run 'r' is held by the engine of process {holder.pid} on" in refused.stderr
    (tmp_path / "go").touch()
    assert holder.communicate(timeout=600)[0].split() == ["True"]


def test_a_run_is_taken_over_at_once_when_its_holder_is_killed(scripts: Scripts, tmp_path: Path) -> None:
    holder = scripts.start(scripts.write(HOLDER), 3600)
    eventually((tmp_path / "waiting").exists, "the first step")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    (tmp_path / "go").touch()
    assert held_program(tmp_path).run(run_mode=RunMode.recover)
    eventually(scripts.all_gone, "the end of the workers")


def test_a_holder_elsewhere_is_believed_until_its_term_is_over(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    store = tmp_path / "s.db"
    assert held_program(tmp_path).run()
    elsewhere = {"holder": "x", "holder_host": "elsewhere", "holder_pid": 77, "holder_started": "1", "lease_term": 60}
    change_row(store, **elsewhere, heartbeat=time.time() - 30)
    with pytest.raises(RunHeldError, match="process 77 on elsewhere"):
        held_program(tmp_path).run(run_mode=RunMode.recover)
    change_row(store, heartbeat=time.time() - 61)
    assert held_program(tmp_path).run(run_mode=RunMode.recover)
    assert rows(store, "SELECT holder, recovery FROM eventcore_runs") == [(None, 1)]


def test_a_process_id_that_is_used_again_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    assert held_program(tmp_path).run()
    change_row(
        tmp_path / "s.db", holder="x", holder_host=socket.gethostname(), holder_pid=os.getpid(), holder_started="1",
        lease_term=3600, heartbeat=time.time(),
    )  # fmt: skip
    assert held_program(tmp_path).run(run_mode=RunMode.recover)


def test_a_stopped_engine_that_lost_its_run_records_nothing_more(scripts: Scripts, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    holder = scripts.start(scripts.write(HOLDER), 0.5)
    eventually((tmp_path / "waiting").exists, "the first step")
    freeze(holder, store)
    (heartbeat,) = rows(store, "SELECT heartbeat FROM eventcore_runs")[0]
    eventually(lambda: time.time() > heartbeat + 0.6, "the end of the term")
    (tmp_path / "go").touch()
    assert held_program(tmp_path).run(run_mode=RunMode.recover)
    before = everything(store)
    holder.send_signal(signal.SIGCONT)
    out, err = holder.communicate(timeout=600)
    assert holder.returncode == 1
    assert "LeaseLostError: another engine took over this run" in err
    assert "True" not in out
    assert everything(store) == before
    eventually(scripts.all_gone, "the end of the workers")


def test_a_stopped_engine_that_lost_its_run_to_a_working_one_does_not_disturb_it(
    scripts: Scripts, tmp_path: Path
) -> None:
    holder = scripts.start(scripts.write(HOLDER), 0.5)
    eventually((tmp_path / "waiting").exists, "the first step")
    freeze(holder, tmp_path / "s.db")
    (heartbeat,) = rows(tmp_path / "s.db", "SELECT heartbeat FROM eventcore_runs")[0]
    eventually(lambda: time.time() > heartbeat + 0.6, "the end of the term")
    (tmp_path / "waiting").unlink()
    adopter = held_program(tmp_path)
    verdicts: list[bool] = []
    thread = threading.Thread(target=lambda: verdicts.append(adopter.run(run_mode=RunMode.recover)))
    thread.start()
    eventually((tmp_path / "waiting").exists, "the adopter's step")
    holder.send_signal(signal.SIGCONT)
    assert "LeaseLostError" in holder.communicate(timeout=600)[1]
    (tmp_path / "go").touch()
    thread.join()
    assert verdicts == [True]


def test_an_engine_that_is_slow_keeps_its_lease(tmp_path: Path) -> None:
    program = held_program(tmp_path)
    with running(program, tmp_path) as verdicts:
        (taken,) = rows(tmp_path / "s.db", "SELECT heartbeat FROM eventcore_runs")[0]
    assert verdicts == [True]
    (tmp_path / "go").unlink()
    (tmp_path / "waiting").unlink()
    brief = {"lease_term": 0.3, "task_construct": "thread", "logdir": str(tmp_path), "console": False}
    thread = threading.Thread(target=lambda: program.run(run_mode=RunMode.restart, run_id="slow", config=brief))
    thread.start()
    try:
        eventually((tmp_path / "waiting").exists, "the first step")
        beats = "SELECT heartbeat FROM eventcore_runs WHERE run_id = 'slow'"
        (taken,) = rows(tmp_path / "s.db", beats)[0]
        eventually(lambda: rows(tmp_path / "s.db", beats)[0][0] > taken + 0.6, "a heartbeat after the term")
        with pytest.raises(RunHeldError):
            held_program(tmp_path).run(run_mode=RunMode.recover, run_id="slow")
    finally:
        (tmp_path / "go").touch()
        thread.join()


TWO = """\
    import sys
    import eventcore as evr

    def turn():
        here = evr.current()
        if int(here.sequence) < 30:
            here.trigger("again", int(here.sequence) + 1)
        return here.run_id

    program = evr.Eventor("two", sys.argv[1], run_id=sys.argv[2], config={"durability": "normal"})
    program.add_assoc(program.add_event("again"), program.add_step("turn", turn))
    program.trigger_event("again", 1)
    print(program.run())
"""


def test_two_runs_share_a_store_at_the_same_time(scripts: Scripts, tmp_path: Path) -> None:
    script, store = scripts.write(TWO), tmp_path / "s.db"
    both: list[subprocess.Popen[str]] = [scripts.start(script, store, run_id) for run_id in ("a", "b")]
    for process in both:
        out, err = process.communicate(timeout=600)
        assert out.split() == ["True"], err
    found = rows(
        store,
        "SELECT run_id, t.sequence, value, status FROM eventcore_runs r "
        "JOIN eventcore_tasks t ON t.run = r.id JOIN eventcore_results USING (run, sequence, step)",
    )
    assert sorted(found) == sorted((run, str(n), f'"{run}"', "success") for run in "ab" for n in range(1, 31))


def test_readers_and_a_writing_engine_do_not_wait_for_each_other(tmp_path: Path) -> None:
    store = tmp_path / "s.db"

    def turn() -> None:
        here = evr.current()
        if int(here.sequence) < 200:
            here.trigger("again", int(here.sequence) + 1)

    config = {"task_construct": "invoke", "logdir": str(tmp_path), "console": False, "durability": "normal"}
    program = evr.Eventor("read", store, config=config)
    program.add_assoc(program.add_event("again"), program.add_step("turn", turn))
    program.trigger_event("again", 1)
    verdicts: list[bool] = []
    thread = threading.Thread(target=lambda: verdicts.append(program.run()))
    with closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as long_reader:
        thread.start()
        count = "SELECT count(*) FROM eventcore_tasks WHERE status = 'success'"
        eventually(lambda: rows(store, "SELECT * FROM sqlite_master WHERE name = 'eventcore_delays'"), "the tables")
        long_reader.execute("BEGIN")
        (seen,) = long_reader.execute(count).fetchone()
        with closing(sqlite3.connect(store, timeout=0)) as reader:
            while thread.is_alive():
                reader.execute(count).fetchone()
        assert long_reader.execute(count).fetchone() == (seen,)
        assert verdicts == [True]
    assert rows(store, count) == [(200,)]
