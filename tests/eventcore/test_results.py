"""Results: what a step returned, recorded with its success."""

from __future__ import annotations

from collections import namedtuple
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.values import decode
from tests.support import eventor, rows, start

Pair = namedtuple("Pair", "a b")


def recorded(store: Path, value: Any, **config: Any) -> Any:
    """What the store has of a step's result."""
    ev = eventor(store, **config)
    start(ev, ev.add_step("s", lambda: value))
    assert ev.run()
    found = rows(store, "select value, file from {results}")
    return found[0] if found else None


@pytest.mark.parametrize("construct", ["invoke", "thread", "process", "async"])
def test_a_result_is_stored_as_tagged_json_whatever_ran_the_step(tmp_path: Path, construct: str) -> None:
    value = {"day": date(2026, 1, 2), "sum": Decimal("1.10"), "rows": (1, None, "ä\udc80")}
    text, file = recorded(tmp_path / "run.db", value, task_construct=construct)
    assert decode(text) == value
    assert file is None


def test_a_step_that_returns_nothing_records_nothing(tmp_path: Path) -> None:
    assert recorded(tmp_path / "run.db", None) is None


@pytest.mark.parametrize("value", [object(), Pair(1, 2), print, {1: open}])
def test_a_result_that_cannot_be_stored_is_kept_as_text_and_the_step_succeeds(tmp_path: Path, value: Any) -> None:
    text, _ = recorded(tmp_path / "run.db", value)
    assert decode(text) == repr(value)


@pytest.mark.sqlite
def test_a_result_beyond_the_size_goes_to_a_file_beside_the_store(tmp_path: Path) -> None:
    text, file = recorded(tmp_path / "run.db", "x" * 101, max_result_size=100)
    assert text is None
    [found] = (tmp_path / "run.db.results").rglob(file)
    assert decode(found.read_text()) == "x" * 101


def test_a_result_up_to_the_size_stays_in_the_store(tmp_path: Path) -> None:
    recorded(tmp_path / "run.db", "x" * 98, max_result_size=100)
    assert not (tmp_path / "run.db.results").exists()


def test_the_size_is_a_million_characters_by_default(tmp_path: Path) -> None:
    assert recorded(tmp_path / "small.db", "x" * 900_000)[1] is None
    assert recorded(tmp_path / "large.db", "x" * 1_100_000)[1] is not None


def test_a_result_that_is_too_large_for_memory_stores_keeps_the_run_going() -> None:
    ev = eventor(max_result_size=10)
    start(ev, ev.add_step("s", lambda: "x" * 100))
    assert ev.run()


def test_a_skipped_step_carries_its_result_over(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for mode in (evr.RunMode.restart, evr.RunMode.recover):
        ev = eventor(store, mode)
        start(ev, ev.add_step("s", lambda: 42))
        assert ev.run()
    assert rows(store, "select recovery, value from {results} order by recovery") == [(0, "42"), (1, "42")]
    assert rows(store, "select status from {tasks} order by recovery") == [("success",), ("skipped",)]
