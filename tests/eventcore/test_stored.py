"""The program as data: stored with a run, it tells what ran without the user's code."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

import eventcore as evr
import sequent as seq
from eventcore.define.program import Role
from eventcore.define.stored import (
    StoredAssociation,
    StoredLoop,
    StoredProgram,
    function_name,
    read,
    stored_program,
    written,
)
from eventcore.errors import StoreError
from tests.support import boom, eventor, flow, rows, start


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


def stored(**changes: Any) -> StoredProgram:
    """What is stored of it."""
    return stored_program(build(**changes).built().program)


def nested() -> StoredProgram:
    """A flow with a loop over what a function gives, and a step in it with a loop of its own."""
    program = flow()
    days = program.add_step("days", loop=list, concurrent=2)
    days.add_step("load", boom, loop=["a", "b"])
    days.add_step("check", boom)
    return read(program.document)


def test_it_holds_events_steps_associations_and_pools() -> None:
    program = stored()
    assert program.event_named["either"].expr == {"or": ["done", {"and": ["failed", "done"]}]}
    first, second = program.step_named["first"], program.step_named["second"]
    assert first.triggers == {"success": ["done"]}
    assert first.acquires == first.releases == [("cpu", 1)]
    assert first.recovery == {"success": "rerun"}
    assert second.config == {"retries": 1, "task_construct": "thread"}
    assert second.function == "tests.support:boom"
    assert StoredAssociation("done", "step", "second", 1.5) in program.associations
    assert program.pools == {"cpu": 2}
    assert not program.is_flow


def test_a_flow_is_stored_as_scopes_with_steps_in_roles() -> None:
    program = nested()
    assert program.is_flow
    assert {scope.name: scope.parent for scope in program.scopes} == {"": None, "days": "", "days/load": "days"}
    assert {step.name: (step.role, step.scope, step.inside) for step in program.steps} == {
        "days": (Role.container, "", "days"),
        "days#items": (Role.items, "", None),
        "days/load": (Role.container, "days", "days/load"),
        "days/load#items": (Role.items, "days", None),
        "days/load#body": (Role.body, "days/load", None),
        "days/check": (Role.action, "days", None),
    }
    assert program.container_of["days/load"].name == "days/load"
    assert program.items_of == {"days": "days#items", "days/load": "days/load#items"}
    assert {step.name for step in program.steps} - {step.name for step in program.visible()} == set(
        program.items_of.values()
    )


def test_loops_say_where_their_items_come_from() -> None:
    program = nested()
    assert program.step_named["days"].loop == StoredLoop("function", source="list")
    assert program.step_named["days/load"].loop == StoredLoop("items", 2)
    assert [str(StoredLoop("items", 1)), str(StoredLoop("items", 2))] == ["1 item", "2 items"]
    assert [str(StoredLoop("result", source="a/b")), str(StoredLoop("function", source="f"))] == [
        "result of a/b",
        "f()",
    ]


def test_what_is_written_is_read_as_it_was() -> None:
    for program in (stored(), nested()):
        assert read(written(program)) == program


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}', "[1]"])
def test_a_damaged_program_is_said_to_be_damaged(text: str) -> None:
    with pytest.raises(StoreError, match="a stored program cannot be read"):
        read(text)


def test_arguments_are_left_out_because_they_may_be_secret_or_large() -> None:
    assert "secret" not in written(stored())


def test_the_same_program_is_stored_as_the_same_text() -> None:
    assert written(stored()) == written(stored())


def test_it_is_stored_with_the_run_and_tells_its_steps_without_the_code(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    ev = eventor(store)
    start(ev, ev.add_step("s", int))
    assert ev.run()
    [(text,)] = rows(store, "select document from {programs}")
    assert [step.name for step in read(text).steps] == ["s"]


def test_two_runs_of_one_program_share_it(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    for _ in range(2):
        ev = eventor(store)
        start(ev, ev.add_step("s", int))
        assert ev.run()
    assert len(rows(store, "select * from {programs}")) == 1


class Caller:
    """An object that can be called."""

    def __call__(self) -> None:
        """Do nothing."""


def test_functions_are_named_by_module_and_qualname() -> None:
    assert function_name(boom) == "tests.support:boom"
    assert function_name(partial(boom, "x")) == "tests.support:boom"
    assert (function_name(Caller()) or "").endswith(":Caller")
    assert function_name(None) is None


def test_a_result_that_gives_a_loop_its_items_is_named_by_its_step() -> None:
    program = flow()
    plan = program.add_step("plan", list)
    program.add_step("each", boom, loop=plan.result, require=((plan, seq.STEP_SUCCESS),))
    assert read(program.document).step_named["each"].loop == StoredLoop("result", source="plan")
