"""Waits and events of a step's own together with the other constructs of flows."""

from __future__ import annotations

import sequent as seq
from eventcore.act.virtual_clock import VirtualClock
from tests.support import flow


def taken(*values: object) -> object:
    return values


def emit(value: object) -> None:
    seq.current().emit("half", value)


def skip() -> None:
    raise seq.Skip("nothing new")


def timeless(program: seq.Sequent) -> seq.Sequent:
    """In which waits take no time."""
    program.use_clock(VirtualClock())
    return program


def test_a_step_that_skips_itself_has_not_emitted_its_event() -> None:
    program = flow()
    days = program.add_step("days", loop=range(2))
    load = days.add_step("load", skip)
    days.add_step("preview", taken, require=load.event("half"))
    days.add_step("over", taken, require=((load, seq.STEP_OVER),))
    assert program.run()
    assert [task.path for task in program.tasks() if task.sequence == "1.1"] == ["days/load", "days/over"]


def test_conditions_and_parts_may_speak_of_emitted_values_and_of_answers() -> None:
    program = timeless(flow())
    load = program.add_step("load", emit, args=({"kind": "full", "rows": [1, 2]},))
    half = load.event("half")
    answer = program.add_wait("answer", timeout=5, default={"go": False})
    program.add_step("full", taken, args=(half.value["rows"],), when=half.value["kind"] == "full")
    program.add_step("go", taken, when=answer.result["go"])
    assert program.run()
    assert program.result("full") == ([1, 2],)
    assert program.tasks("go") == []


def test_the_end_of_a_wait_in_any_way_is_the_end_of_a_step() -> None:
    program = timeless(flow())
    wait = program.add_wait("wait", timeout=5)
    program.add_step("over", taken, require=((wait, seq.STEP_OVER),))
    program.add_step("last", taken, require=((program, seq.STEP_OVER),))
    assert not program.run()
    assert [task.status for task in program.tasks("last")] == [seq.TaskStatus.success]


def test_waits_in_iterations_are_counted_and_have_results() -> None:
    program = timeless(flow())
    days = program.add_step("days", loop={"mon": 1, "tue": 2}, concurrent=2)
    answer = days.add_wait("answer", timeout=5, default="none")
    program.add_step("first", taken, require=seq.any_of(days, seq.STEP_SUCCESS))
    program.add_step("all", taken, args=(days.results(answer),))
    assert program.run()
    assert program.result("all") == ({"mon": "none", "tue": "none"},)
