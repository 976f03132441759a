"""What is said of a store whose rows cannot be understood."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.define.stored import read
from eventcore.errors import StoreError
from eventcore.record import lease
from eventcore.record.reading import reading
from tests.support import boom, flow


def a_store(folder: Path) -> Path:
    program = flow(folder / "s.db")
    box = program.add_step("box", loop=program.add_step("made", lambda: [1]).result)
    box.add_step("inner", boom)
    program.add_step("end", print, require=(box, seq.STEP_SUCCESS))
    assert not program.run()
    return folder / "s.db"


def changed(store: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(statement, values)
        connection.commit()


DAMAGES = {
    "a status": ("UPDATE eventcore_tasks SET status = 'odd'", "table eventcore_tasks, column status: 'odd'"),
    "a time": ("UPDATE eventcore_recoveries SET started = 'x'", "column started: 'x' is no number of seconds"),
    "JSON": ("UPDATE eventcore_runs SET source = '{'", "column source: '{'"),
    "a loop": ("UPDATE eventcore_items SET keys = '[]'", "a loop has more keys"),
    "a missing row": ("DELETE FROM eventcore_recoveries", "has no recovery 0"),
    "a missing program": ("UPDATE eventcore_recoveries SET program_id = 99", "the program of run number 1 is missing"),
    "bytes": ("UPDATE eventcore_tasks SET scope = x'ff'", "column scope"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_failure_to_read_a_damaged_store_says_what_is_damaged(tmp_path: Path, what: str) -> None:
    store = a_store(tmp_path)
    statement, said = DAMAGES[what]
    changed(store, statement)
    with pytest.raises(StoreError) as raised, reading(str(store)):
        raise KeyError("what came of it")
    assert str(raised.value).startswith(f"store {store} is damaged: ")
    assert said in str(raised.value)


def test_a_defect_of_the_reader_is_not_blamed_on_a_sound_store(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="a defect"), reading(str(a_store(tmp_path))):
        raise KeyError("a defect")


CONTRADICTIONS: dict[str, Callable[[Any], object]] = {
    "no scopes": lambda told: told["scopes"].clear(),
    "a step in an unknown scope": lambda told: told["steps"][0].update(scope="odd"),
    "a container inside itself": lambda told: told["steps"][-2].update(inside=""),
    "an unknown status": lambda told: told["steps"][-1].update(require={"step": "box", "status": "odd"}),
    "a requirement without parts": lambda told: told["steps"][-1].update(require={"and": []}),
    "a requirement that is none": lambda told: told["steps"][-1].update(require={"and": None}),
    "a requirement of an unknown step": lambda told: told["steps"][-1].update(require={"step": 1, "status": "success"}),
    "an association with an unknown event": lambda told: told["associations"][0].update(event="odd"),
    "two steps of one name": lambda told: told["steps"].append(told["steps"][0]),
}


def with_lease(store: Path, **values: Any) -> None:
    """Have the run held by this process, as far as the values do not say otherwise."""
    me = lease.this_engine("me")
    row = {
        "holder": me.token,
        "holder_host": me.host,
        "holder_pid": me.pid,
        "holder_started": me.started,
        "holder_boot": "this",
        "heartbeat": time.time(),
        "lease_term": 30.0,
        "heartbeat_since_boot": 1.0,
    } | values
    changed(store, f"UPDATE eventcore_runs SET {', '.join(f'{name} = ?' for name in row)}", *row.values())


@pytest.mark.parametrize("part", ["holder_pid", "lease_term"])
def test_a_lease_of_which_a_part_is_missing_is_reported(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "this_boot", lambda: "this")
    monkeypatch.setattr(lease, "this_namespace", lambda: None)
    store = a_store(tmp_path)
    with_lease(store, **{part: None})
    said = r"is damaged: run '\S+' has a part of a lease only"
    with pytest.raises(StoreError, match=said), reading(str(store)) as reader:
        reader.runs(time.time())


@pytest.mark.parametrize("pid", [2**40, 0, -1])
def test_no_process_can_have_an_odd_number(tmp_path: Path, pid: int) -> None:
    store = a_store(tmp_path)
    with_lease(store, holder_pid=pid, holder_boot=None)
    with reading(str(store)) as reader:
        assert not reader.runs(time.time())[0].is_held


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_a_program_that_contradicts_itself_is_refused(tmp_path: Path, what: str) -> None:
    with closing(sqlite3.connect(a_store(tmp_path))) as connection:
        [text] = connection.execute("SELECT document FROM eventcore_programs").fetchone()
    told = json.loads(text)
    assert read(json.dumps(told)).name == "flow"
    CONTRADICTIONS[what](told)
    with pytest.raises(StoreError, match=r"a stored program cannot be read: .*; it was damaged"):
        read(json.dumps(told))
