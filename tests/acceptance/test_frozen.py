"""Engines that are stopped for a while, other clocks and other namespaces: who has a run, and what runs once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import update

import eventcore as evr
import sequent as seq
from eventcore.errors import LeaseLostError, RunHeldError
from eventcore.moment import in_future, steady
from eventcore.record import lease
from eventcore.record.database import transaction
from eventcore.record.processes import found_process, this_namespace
from eventcore.record.schema import programs
from eventcore.record.store import opened
from eventcore.run.tenure import Tenure
from tests.acceptance.test_leases import change_row
from tests.crash.processes import Scripts, eventually, freeze
from tests.crash.sabotage import rows
from tests.support import ROOT
from tests.system import not_there, system_command

MANY = """\
    import os, pathlib, sys, time
    import eventcore as evr

    def step(folder, number):
        with open(folder + "/ran", "a") as file:
            file.write(f"{number}\\\\n")

    folder = str(pathlib.Path(__file__).parent)
    config = {"lease_term": 0.6, "max_concurrent": 60, "logdir": folder, "console": False}
    config["task_construct"] = sys.argv[2]
    program = evr.Eventor("many", folder + "/s.db", run_id="r", config=config)
    go = program.add_event("go")
    for number in range(60):
        program.add_assoc(go, program.add_step(f"s{number}", step, args=(folder, number)))
    program.trigger_event(go, 1)
    if __name__ == "__main__":
        print(program.run(run_mode=evr.RunMode(sys.argv[1])))
"""


def test_what_another_engine_has_finished_meanwhile_does_not_run_again(scripts: Scripts, tmp_path: Path) -> None:
    """In worker processes, which nobody stops: a thread is stopped with its engine, in the middle of its function."""
    script = scripts.write(MANY.replace("\\\\n", "\\n"))
    ran, store = tmp_path / "ran", tmp_path / "s.db"
    frozen = scripts.start(script, "restart", "process")
    eventually(lambda: store.exists() and bool(rows_of_active(store)), "the first start")
    freeze(frozen, store)
    eventually(lambda: silent_for(store) > 0.7, "the end of the term")
    other = scripts.run(script, "recover", "thread")
    assert other.stdout.split() == ["True"], other.stderr
    count = len(ran.read_text().split())
    frozen.send_signal(signal.SIGCONT)
    out, err = frozen.communicate(timeout=600)
    assert "True" not in out
    assert "another engine took over this run" in err
    eventually(scripts.all_gone, "the end of the workers")
    assert len(ran.read_text().split()) == count
    assert set(ran.read_text().split()) == {str(number) for number in range(60)}


def rows_of_active(store: Path) -> list[tuple[Any, ...]]:
    try:
        return rows(store, "SELECT step FROM eventcore_tasks WHERE status = 'active'")
    except Exception:  # the tables are being made
        return []


def silent_for(store: Path) -> float:
    return steady() - float(rows(store, "SELECT heartbeat_since_boot FROM eventcore_runs")[0][0])


def test_a_call_that_comes_too_late_is_handed_back_and_begins_when_the_run_is_still_this_engines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ends = iter([in_future(-1.0, steady())])
    later = in_future(3600.0, steady())
    monkeypatch.setattr(Tenure, "end", property(lambda _: next(ends, later)))
    ran: list[int] = []
    program = evr.Eventor("late", tmp_path / "s.db", config={"task_construct": "thread", "console": False})
    go = program.add_event("go")
    program.add_assoc(go, program.add_step("only", ran.append, args=(1,)))
    program.trigger_event(go, 1)
    assert program.run()
    assert ran == [1]
    assert rows(tmp_path / "s.db", "SELECT count(*) FROM eventcore_attempts") == [(0,)]


def test_an_engine_looks_again_only_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []
    now = [100.0]
    monkeypatch.setattr("eventcore.run.tenure.steady", lambda: now[0])

    def holds() -> bool:
        looks.append(now[0] < 200)
        return looks[-1]

    tenure = Tenure(holds, 30.0)
    now[0] += 10
    tenure.check()
    assert looks == []
    now[0] += 1
    tenure.check()
    tenure.check()
    assert looks == [True]
    now[0] += 100
    with pytest.raises(LeaseLostError):
        tenure.check()


def held_row(**changes: Any) -> Any:
    """The row of a run that this process holds and has renewed just now."""
    me = lease.this_engine()
    now = {"holder": me.token, "holder_host": me.host, "holder_pid": me.pid, "holder_started": me.started,
           "holder_boot": me.boot, "holder_namespace": me.namespace, "lease_term": 30.0, "heartbeat": time.time(),
           "heartbeat_since_boot": steady()}  # fmt: skip
    return SimpleNamespace(**(now | changes))


def test_a_living_engine_of_this_machine_is_not_given_up_because_of_a_clock() -> None:
    an_hour_ahead = time.time() + 3600
    assert lease.is_held(held_row(), an_hour_ahead)
    assert lease.is_held(held_row(heartbeat_since_boot=steady() - 3600), an_hour_ahead)
    assert not lease.is_held(held_row(holder_pid=2**22 + 1), time.time())


def test_a_process_of_another_namespace_is_believed_for_its_term_by_the_machines_own_clock() -> None:
    elsewhere = {"holder_namespace": "pid:[1]", "holder_pid": 2**22 + 1}
    an_hour_ahead = time.time() + 3600
    assert lease.is_held(held_row(**elsewhere), an_hour_ahead)
    assert not lease.is_held(held_row(**elsewhere, heartbeat_since_boot=steady() - 31), time.time())


def test_an_engine_of_an_earlier_start_of_the_machine_is_believed_for_its_term() -> None:
    assert lease.is_held(held_row(holder_boot="another"), time.time() + 29)
    assert not lease.is_held(held_row(holder_boot="another"), time.time() + 31)


def test_where_a_server_keeps_the_lease_only_its_clock_tells_silence() -> None:
    kept = {"heartbeat_since_boot": None}
    elsewhere = {"holder_namespace": "pid:[1]", "holder_pid": 2**22 + 1}
    for place in (elsewhere, {"holder_host": "another"}, {"holder_boot": "another"}):
        assert lease.is_held(held_row(**kept, **place), time.time() + 29)
        assert not lease.is_held(held_row(**kept, **place), time.time() + 31)
    assert lease.is_held(held_row(**kept), time.time() + 3600)
    assert not lease.is_held(held_row(**kept, holder_pid=2**22 + 1), time.time())
    assert not lease.is_held(held_row(**kept, holder_started="1"), time.time())


def test_hosts_that_share_a_name_and_have_no_id_of_their_start_are_not_taken_for_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(lease, "this_boot", lambda: None)
    with closing(opened(str(tmp_path / "s.db"))) as store:
        monkeypatch.setattr(type(store.backend), "is_remote", True)
        gone = structs.replace(lease.this_engine(), pid=2**22 + 1)
        row = store.create_run("r", "program", None, "{}", gone, 30.0, time.time())
        with pytest.raises(RunHeldError):
            store.enter_again(row, "{}", lease.this_engine(), 30.0, time.time() + 29)
        store.enter_again(row, "{}", lease.this_engine(), 30.0, time.time() + 31)


def test_hidden_processes_of_others_are_seen_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", hidden)
    process = found_process(os.getpid())
    assert process is not None
    assert process.may_be("whenever")
    assert found_process(2**22 + 1) is None


def test_an_engine_in_another_namespace_keeps_its_run(tmp_path: Path) -> None:
    """With the same host name, and with the number of another process."""
    system_command("unshare")
    if os.geteuid() != 0:
        not_there("only root can make a namespace of processes")
    script = tmp_path / "held.py"
    script.write_text(
        "import pathlib, sys, time\n"
        "import eventcore as evr\n"
        "def waits(folder):\n"
        "    pathlib.Path(folder, 'waiting').touch()\n"
        "    while not pathlib.Path(folder, 'go').exists():\n"
        "        time.sleep(0.01)\n"
        "folder = pathlib.Path(__file__).parent\n"
        "config = {'task_construct': 'thread', 'logdir': str(folder), 'console': False}\n"
        "program = evr.Eventor('held', folder / 's.db', run_id='r', config=config)\n"
        "go = program.add_event('go')\n"
        "program.add_assoc(go, program.add_step('waits', waits, args=(str(folder),)))\n"
        "program.trigger_event(go, 1)\n"
        "print(program.run(run_mode=evr.RunMode(sys.argv[1])))\n"
    )
    command = [sys.executable, str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    inside = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", *command, "restart"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)  # fmt: skip
    try:
        eventually((tmp_path / "waiting").exists, "the step")
        refused = subprocess.run([*command, "recover"], capture_output=True, text=True, env=environment, check=False)
        assert "is held by the engine of process" in refused.stderr
        assert socket.gethostname() in refused.stderr
    finally:
        (tmp_path / "go").touch()
        out, err = inside.communicate(timeout=600)
    assert out.split() == ["True"], err


def test_a_store_of_version_2_gets_the_columns_of_machines(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    program = seq.Sequent("old", store, config={"task_construct": "invoke", "console": False})
    program.add_step("only", int)
    assert program.run()
    with closing(opened(str(store))) as found:
        for column in ("holder_boot", "holder_namespace", "heartbeat_since_boot"):
            found.connection.exec_driver_sql(f"ALTER TABLE eventcore_runs DROP COLUMN {column}")
        for table, column in (("runs", "turn"), ("tasks", "deadline"), ("tasks", "ticket"), ("facts", "value")):
            found.connection.exec_driver_sql(f"ALTER TABLE eventcore_{table} DROP COLUMN {column}")
        found.connection.exec_driver_sql("UPDATE eventcore_schema_version SET version = 2")
        [(document,)] = rows(store, "SELECT document FROM eventcore_programs")
        older = document.replace('"internal"', '"inner"')
        assert older != document
        values = {"document": older, "digest": "older"}
        with transaction(found.connection) as connection:
            connection.execute(update(programs).values(**values))
    change_row(store, holder="x", holder_host="elsewhere", holder_pid=77, lease_term=60, heartbeat=time.time())
    with pytest.raises(evr.EventcoreError, match=r"must be upgraded to schema version 5, but run .* process 77"):
        opened(str(store))
    change_row(store, holder=None)
    assert program.run(run_mode=evr.RunMode.recover)
    assert rows(store, "SELECT document FROM eventcore_programs") == [(document,)]
    assert rows(store, "SELECT version FROM eventcore_schema_version") == [(5,)]
    assert this_namespace() is not None or sys.platform != "linux"
