"""Results and tasks in Python, of a flow's own run and of one in a store; references that are taken for values."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.errors import ResultNotFoundError, RunHeldError, RunNotFoundError, StoreError
from tests.support import boom, eventor, flow, rows, start


def nested(store: str | Path, **config: Any) -> seq.Sequent:
    """A loop over a mapping with a loop inside, and a step with a loop of its own."""
    found = flow(store, **config)
    days = found.add_step("days", loop={"tue": 2, "mon": 1})
    parts = days.add_step("parts", loop=range(2))
    parts.add_step("load", lambda day, part: day * 10 + part, args=(days.item, parts.item))
    found.add_step("squares", lambda: seq.current().item ** 2, loop=range(12))
    found.add_step("nothing", lambda: None)
    return found


@pytest.mark.parametrize("store", [":memory:", "run.db"])
def test_results_are_read_by_step_and_sequence_in_the_order_of_the_loops(store: str, tmp_path: Path) -> None:
    with nested(store if store == ":memory:" else tmp_path / store) as ran:
        ran.run()
        loaded = ran.results("days/parts/load")
        assert list(loaded.items()) == [("1.tue.1", 20), ("1.tue.2", 21), ("1.mon.1", 10), ("1.mon.2", 11)]
        assert list(ran.results(ran.children["squares"]).values()) == [number**2 for number in range(12)]
        assert ran.result("squares", "1.12") == 121
        assert ran.results("nothing") == {"1": None}
        assert ran.result("nothing") is None


@pytest.mark.parametrize("store", [":memory:", "run.db"])
def test_keys_that_are_numbers_do_not_change_the_order_of_a_mapping(store: str, tmp_path: Path) -> None:
    keys = ["9", "x", "7", "10"]
    with flow(store if store == ":memory:" else tmp_path / store) as ran:
        outer = ran.add_step("outer", loop=dict.fromkeys(keys))
        outer.add_step("inner", lambda: seq.current().key, loop=dict.fromkeys(keys))
        ran.run()
        assert list(ran.results("outer/inner").items()) == [(f"1.{one}.{key}", key) for one in keys for key in keys]


def test_another_program_reads_them_from_the_store(tmp_path: Path) -> None:
    ran = nested(tmp_path / "run.db")
    ran.run()
    stored = seq.stored_run(tmp_path / "run.db", ran.run_id)
    assert stored.results("squares") == ran.results("squares")
    assert stored.verdict.value == "success"
    assert seq.stored_run(tmp_path / "run.db").run_id == ran.run_id


def test_the_run_that_is_meant_is_the_objects_own(tmp_path: Path) -> None:
    first, second = flow(tmp_path / "run.db"), flow(tmp_path / "run.db")
    first.add_step("s", lambda: 1)
    second.add_step("s", lambda: 2)
    first.run()
    second.run()
    assert (first.result("s"), second.result("s")) == (1, 2)
    assert flow(tmp_path / "run.db", seq.RUN_RECOVER).result("s") == 2


def test_a_recovery_keeps_the_results_of_what_it_skips_and_replaces_those_of_what_it_runs(tmp_path: Path) -> None:
    ran = flow(tmp_path / "run.db")
    ran.add_step("kept", lambda: seq.current().recovery)
    again = ran.add_step("again", lambda: seq.current().recovery, recovery={seq.STEP_SUCCESS: seq.STEP_RERUN})
    ran.add_step("fails", lambda: seq.current().recovery or boom(), require=((again, seq.STEP_SUCCESS),))
    ran.run()
    assert ran.result("again") == 0
    ran.run(run_mode=seq.RUN_RECOVER)
    assert [ran.result(name) for name in ("kept", "again", "fails")] == [0, 1, 1]
    assert {task.path: task.recovery for task in ran.tasks()}["again"] == 1


@pytest.mark.sqlite
def test_a_large_result_is_read_from_its_file_and_a_lost_file_is_reported(tmp_path: Path) -> None:
    ran = flow(tmp_path / "run.db", max_result_size=10)
    ran.add_step("large", lambda: "x" * 100)
    ran.run()
    assert ran.result("large") == "x" * 100
    for file in (tmp_path / "run.db.results").rglob("*.json"):
        file.unlink()
    with pytest.raises(StoreError, match=r"the result of large@1 .* have to move with the store"):
        ran.result("large")


def test_tasks_have_status_times_and_errors(tmp_path: Path) -> None:
    ran = flow(tmp_path / "run.db", stop_on_exception=False)
    good = ran.add_step("good", lambda: 1)
    ran.add_step("bad", boom, config={"retries": 1})
    ran.add_step("after", print, require=(("bad", seq.STEP_SUCCESS),))
    ran.run()
    found = {task.instance: task for task in ran.tasks()}
    assert found.keys() == {"good@1", "bad@1"}
    assert found["good@1"].status is seq.TaskStatus.success
    assert found["bad@1"].status is seq.TaskStatus.failure
    assert (found["bad@1"].tries, found["bad@1"].error) == (2, "ValueError: boom")
    assert found["good@1"].error is None
    [(started, ended)] = rows(tmp_path / "run.db", "select started, ended from {tasks} where step = 'good'")
    assert (found["good@1"].started, found["good@1"].seconds) == (started, ended - started)
    assert [task.path for task in ran.tasks(good)] == ["good"]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda f: f.results("lod"), "has no step 'lod'; did you mean 'days/load'"),
        (lambda f: f.tasks("lod"), "has no step 'lod'"),
        (lambda f: f.results("tables"), "has no step 'tables'; it has days, bad, days/load"),
        (lambda f: f.results("days"), "container 'days' has no results; .* inside it: days/load"),
        (lambda f: f.result("days/load"), "has 2 results; give a sequence, one of 1.1, 1.2"),
        (lambda f: f.result("days/load", "1.3"), r"days/load@1.3 has no result: it was not reached"),
        (lambda f: f.result("bad"), r"bad has no result: bad@1 is failure \(ValueError: boom\)"),
    ],
)
def test_what_is_not_there_is_named_with_the_reason(ask: Callable[[seq.Sequent], Any], said: str) -> None:
    ran = flow()
    days = ran.add_step("days", loop=[1, 2])
    days.add_step("load", lambda day: day, args=(days.item,))
    ran.add_step("bad", boom, require=((days, seq.STEP_SUCCESS),))
    ran.run()
    with pytest.raises(ResultNotFoundError, match=said):
        ask(ran)


def test_the_steps_inside_a_container_that_have_results_are_named_once() -> None:
    ran = flow()
    area = ran.add_step("area")
    area.add_step("days", list)
    area.add_step("shop", loop=[1]).add_step("day", list, loop=[1])
    ran.add_step("area 2").add_step("other", list)
    ran.run()
    with pytest.raises(ResultNotFoundError, match=r"inside it: area/days, area/shop/day$"):
        ran.results("area")


def test_before_a_run_and_after_a_run_in_memory_is_closed_there_is_nothing_to_read() -> None:
    ran = nested(":memory:")
    with pytest.raises(RunNotFoundError, match="has not entered a run yet"):
        ran.results("squares")
    ran.run()
    ran.close()
    with pytest.raises(RunNotFoundError, match="in memory and is closed"):
        ran.results("squares")


def test_a_run_in_a_file_is_read_while_it_works_and_one_in_memory_only_by_its_own_thread(tmp_path: Path) -> None:
    def read_in_thread(ran: seq.Sequent) -> Any:
        found: list[Any] = []

        def read() -> None:
            try:
                found.append(ran.results("first"))
            except RunHeldError as error:
                found.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        reader.join()
        return found[0]

    answers = []
    for store in (tmp_path / "run.db", ":memory:"):
        ran = flow(store)
        first = ran.add_step("first", lambda: 7)
        asking = ran.add_step(
            "second", lambda ran=ran: answers.append((ran.results("first"), read_in_thread(ran))),
            require=((first, seq.STEP_SUCCESS),),
        )  # fmt: skip
        ran.run()
        assert ran.results(asking) == {"1": None}
    assert answers[0] == ({"1": 7}, {"1": 7})
    assert answers[1][0] == {"1": 7}
    assert isinstance(answers[1][1], RunHeldError)


@dataclass
class Gone:
    """A class that is taken away before its object is read."""

    number: int


def test_a_result_of_a_class_that_is_not_there_is_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = flow(tmp_path / "run.db")
    ran.add_step("s", Gone, args=(1,))
    ran.run()
    assert ran.result("s") == Gone(1)
    monkeypatch.delattr(f"{__name__}.Gone")
    with pytest.raises(StoreError, match=r"result of s@1 cannot be read: .* Gone .* is not imported"):
        ran.result("s")


def test_programs_of_the_kernel_have_them_too() -> None:
    program = eventor()
    step = program.add_step("s", lambda: seq.__name__)
    start(program, step, sequence="7")
    program.run()
    assert program.results(step) == {"7": "sequent"}
    assert program.result("s", 7) == "sequent"


def references() -> list[Any]:
    """One of each kind."""
    made = flow()
    days = made.add_step("days", loop=[1])
    return [made.add_step("s", print).result, days.item, days.key, seq.item]


@pytest.mark.parametrize("reference", references(), ids=repr)
def test_a_reference_is_not_taken_for_the_value(reference: Any) -> None:
    for as_text in (str, "{}".format, lambda r: f"{r:>5}", lambda r: f"{r} rows"):
        with pytest.raises(seq.FlowError, match=f"{reference!r} is not known before the run, so it has no text yet"):
            as_text(reference)
    with pytest.raises(seq.FlowError, match="neither true nor false yet; decide in the function"):
        bool(reference)
    for walk in (list, lambda r: [x + 1 for x in r], lambda r: (*r,), lambda r: dict(zip(r, r, strict=True))):
        with pytest.raises(seq.FlowError, match="cannot be iterated over yet; give it to a step as its loop"):
            walk(reference)
    with pytest.raises(seq.FlowError, match="is not known before the run, nor what it contains"):
        _ = "x" in reference
    with pytest.raises(seq.FlowError, match="so it has no length yet"):
        len(reference)
    with pytest.raises(seq.FlowError, match="so it has no length yet"):
        list(reversed(reference))
    assert repr(copy.deepcopy(reference)) == repr(copy.copy(reference)) == repr(reference)
