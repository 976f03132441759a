"""Stores with flipped bytes and odd rows: one line and exit code 2, or an answer; never a traceback.

`FUZZ=20000` in the environment tries so many damages instead of a few.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from sequent.cli.command import main
from tests.support import boom

COUNT = int(os.environ.get("FUZZ", "15"))
VERBS = ["runs", "status", "status --json", "why PATH s", "logs", "graph PATH -o OUT.dot", "graph PATH -o OUT.mmd",
         "report PATH -o OUT.html", "pause", "clean --keep 5", "rerun PATH a --dry-run", "trigger PATH x"]  # fmt: skip
ODD = [None, -1, 2**62, 1.5, 1e300, "", "odd", "{", "[]", "{}", "1..x", b"\xff\xfe", "\ud7ff" * 3, "null", '"x"']


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a run that failed, was recovered and has something of everything."""
    folder = tmp_path_factory.mktemp("sound")
    for mode in (seq.RunMode.restart, seq.RunMode.recover):
        flow = seq.Sequent("flow", folder / "s.db", mode, config={
            "task_construct": "invoke", "console": False, "logdir": str(folder / "logs"), "logging_level": "CRITICAL",
        })  # fmt: skip
        made = flow.add_step("a", lambda: [1, 2])
        days = flow.add_step("days", loop=made.result)
        s = days.add_step("s", print, args=(days.item,))
        days.add_step("t", boom, require=(s, seq.STEP_SUCCESS))
        flow.add_step("end", print, require=[(days, seq.STEP_COMPLETE), (made, seq.STEP_SUCCESS)])
        flow.run(max_loops=3)
    return folder / "s.db"


def answered(arguments: list[str]) -> tuple[int, str]:
    """The exit code of a command, and what it says on standard error."""
    said = io.StringIO()
    nowhere = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(nowhere), pytest.raises(SystemExit) as left:
        main(arguments)
    assert isinstance(left.value.code, int)
    return left.value.code, said.getvalue()


def check(store: Path, choice: random.Random, what: object) -> None:
    """Every answer is one line or a result."""
    for verb in choice.sample(VERBS, 5):
        words = verb.replace("OUT", str(store.with_name("out"))).split()
        words = [str(store) if word == "PATH" else word for word in words]
        arguments = words if str(store) in words else [words[0], str(store), *words[1:]]
        code, said = answered(arguments)
        assert "Traceback" not in said, f"{what}: {verb}\n{said}"
        assert code in (0, 2, 3), f"{what}: {verb}: {code} {said}"
        assert code != 2 or len(said.splitlines()) == 1, f"{what}: {verb}\n{said}"


def odd_row(store: Path, choice: random.Random) -> str:
    with closing(sqlite3.connect(store)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = choice.choice([name for name in tables if connection.execute(f"SELECT 1 FROM {name}").fetchone()])
        column = choice.choice([row[1] for row in connection.execute(f"PRAGMA table_info({table})")])
        value = choice.choice(ODD)
        with contextlib.suppress(sqlite3.IntegrityError, OverflowError):
            connection.execute(f'UPDATE {table} SET "{column}" = ?', (value,))
        connection.commit()
    return f"{table}.{column} = {value!r}"


def odd_program(store: Path, choice: random.Random) -> str:
    with closing(sqlite3.connect(store)) as connection:
        [document] = connection.execute("SELECT document FROM eventcore_programs LIMIT 1").fetchone()
        told = json.loads(document)
        place: Any = told
        path: list[object] = []
        while isinstance(place, (dict, list)) and place:
            key: Any = choice.choice(list(place) if isinstance(place, dict) else range(len(place)))
            path.append(key)
            if not isinstance(place[key], (dict, list)) or choice.random() < 0.25:
                place[key] = choice.choice(
                    ["odd", None, 7, [], {}, {"and": None}, {"or": []}, {"step": 1}, [["x"]], True]
                )
                break
            place = place[key]
        connection.execute("UPDATE eventcore_programs SET document = ?", (json.dumps(told),))
        connection.commit()
    return f"program {path}"


def flipped(store: Path, choice: random.Random) -> str:
    data = bytearray(store.read_bytes())
    places = [choice.randrange(len(data)) for _ in range(choice.choice((1, 5, 50)))]
    for place in places:
        data[place] ^= 1 << choice.randrange(8)
    store.write_bytes(data)
    return f"flipped {places}"


def cut(store: Path, choice: random.Random) -> str:
    data = store.read_bytes()
    store.write_bytes(data[: choice.randrange(len(data))])
    return "cut"


@pytest.mark.parametrize("harm", [odd_row, odd_program, flipped, cut])
def test_a_damaged_store_is_told_of_in_one_line(
    sound: Path, tmp_path: Path, harm: Callable[[Path, random.Random], str]
) -> None:
    for seed in range(COUNT):
        choice = random.Random(f"{harm.__name__} {seed}")
        store = tmp_path / "s.db"
        shutil.copyfile(sound, store)
        what = harm(store, choice)
        check(store, choice, (seed, what))
        for file in tmp_path.iterdir():
            if file.is_file():
                file.unlink()
