"""The program as data: stored with a run, it tells what ran without the user's code."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
from eventcore.define.differences import differences
from eventcore.define.stored import StoredProgram, function_name, read, stored_program, written
from eventcore.errors import StoreError
from tests.support import boom, eventor, rows, start


def build(**changes: Any) -> evr.Eventor:
    """Two steps, one after the other, with something of everything."""
    ev = eventor()
    pool = evr.ResourcePool("cpu", 2)
    done, failed = ev.add_event("done"), ev.add_event("failed")
    ev.add_event("either", evr.or_(done, (failed, done)))
    second = ev.add_step("second", changes.get("func", boom), config={"retries": 1, "task_construct": "thread"})
    ev.add_assoc(done, second, delay=changes.get("delay", 1.5))
    start(ev, ev.add_step(changes.get("first", "first"), boom, ("secret",), triggers={evr.STEP_SUCCESS: done},
                          acquires=[(pool, 1)], recovery={evr.STEP_SUCCESS: evr.STEP_RERUN}))  # fmt: skip
    return ev


def document(**changes: Any) -> str:
    """What is stored of it."""
    return build(**changes).document


def stored(**changes: Any) -> StoredProgram:
    """What is read of that."""
    return read(document(**changes))


def test_it_holds_events_steps_associations_and_pools() -> None:
    data = json.loads(document())
    assert {event["name"]: event.get("expr") for event in data["events"]}["either"] == {
        "or": ["done", {"and": ["failed", "done"]}]
    }
    steps = {step["name"]: step for step in data["steps"]}
    assert steps["first"]["triggers"] == {"success": ["done"]}
    assert steps["first"]["acquires"] == steps["first"]["releases"] == [["cpu", 1]]
    assert steps["first"]["recovery"] == {"success": "rerun"}
    assert steps["second"]["config"] == {"retries": 1, "task_construct": "thread"}
    assert steps["second"]["function"] == "tests.support:boom"
    assert {"event": "done", "kind": "step", "target": "second", "delay": 1.5} in data["associations"]
    assert data["pools"] == {"cpu": 2}


def test_arguments_are_left_out_because_they_may_be_secret_or_large() -> None:
    assert "secret" not in document()


def test_the_same_program_makes_the_same_document() -> None:
    assert document() == document()


def test_what_is_written_is_read_back_whole() -> None:
    program = stored_program(build().built().program)
    assert read(written(program)) == program


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"format": 2, "name": 5}'])
def test_a_damaged_document_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        read(text)


def test_it_is_stored_with_the_run_and_tells_its_steps_without_the_code(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    start(ev, ev.add_step("s", int))
    assert ev.run()
    [(text,)] = rows(store, "select document from {programs}")
    assert [step["name"] for step in json.loads(text)["steps"]] == ["s"]


def test_two_runs_of_one_program_share_it(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for _ in range(2):
        ev = eventor(store)
        start(ev, ev.add_step("s", int))
        assert ev.run()
    assert len(rows(store, "select * from {programs}")) == 1


def test_differences_are_told_by_name() -> None:
    assert not differences(stored(), stored())
    assert str(differences(stored(), stored(first="other"))) == "added: other; removed: first"
    assert str(differences(stored(), stored(func=print))) == "changed: second (function)"
    assert str(differences(stored(), stored(delay=2))) == "changed: second (what it follows)"


class Caller:
    """An object that can be called."""

    def __call__(self) -> None:
        """Do nothing."""


def test_functions_are_named_by_module_and_qualname() -> None:
    assert function_name(boom) == "tests.support:boom"
    assert function_name(partial(boom, "x")) == "tests.support:boom"
    assert (function_name(Caller()) or "").endswith(":Caller")
    assert function_name(None) is None
