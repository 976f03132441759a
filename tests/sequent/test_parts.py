"""References to parts of results and items."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas
import pytest

import sequent as seq
from eventcore.errors import ProgramError
from sequent.errors import LoopError
from tests.support import flow, rows


@dataclass
class Table:
    """A result with attributes."""

    rows: list[Any]
    day: date

    @property
    def first(self) -> Any:
        """A property."""
        return self.rows[0]

    @property
    def broken(self) -> Any:
        """One that cannot be had."""
        raise RuntimeError("two\nlines")


@dataclass
class Holder:
    """An argument with references inside."""

    value: Any


def plan() -> dict[Any, Any]:
    """What the step returns whose parts are taken."""
    return {"n": 1, "table": Table([{"name": "a"}, {"name": "b"}], date(2026, 1, 2)), 3: "three", "get": "a key"}


def asked(part: Callable[[Any], Any], **config: Any) -> Any:
    """What a step gets that refers to a part of `plan`."""
    got: list[Any] = []
    made = flow(**config)
    made.add_step("asks", got.append, args=(part(made.add_step("plan", plan).result),), require=())
    made()
    [value] = got
    return value


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (lambda r: r["n"], 1),
        (lambda r: r.n, 1),
        (lambda r: r[3], "three"),
        (lambda r: r.get, "a key"),
        (lambda r: r["table"].rows[1]["name"], "b"),
        (lambda r: r.table.rows[-1].name, "b"),
        (lambda r: r.table.rows[:1], [{"name": "a"}]),
        (lambda r: r.table.rows[::-1][0], {"name": "b"}),
        (lambda r: r.table.first.name, "a"),
        (lambda r: r.table.day.year, 2026),
        (lambda r: r[3][1:3], "hr"),
        (lambda r: [r.n, {"x": r.table.day}], [1, {"x": date(2026, 1, 2)}]),
        (lambda r: Holder(r.table.day.day), Holder(2)),
    ],
)
def test_a_part_is_taken_where_the_step_starts(part: Callable[[Any], Any], value: Any) -> None:
    assert asked(part) == value


def test_parts_stand_among_keyword_arguments_and_of_items_keys_and_earlier_results() -> None:
    made = flow()
    days = made.add_step("days", loop={"mon": {"name": "m", "hours": [8, 9]}, "tue": {"name": "t", "hours": [1]}})
    load = days.add_step("load", lambda name, hours: {"name": name, "hours": hours},
                         kwargs={"name": days.item["name"], "hours": seq.item.hours})  # fmt: skip
    days.add_step("takes", lambda *got: got, args=(load.result.hours[0], days.key[:2]))
    own = made.add_step("own", lambda *got: got, args=(seq.item.n, seq.previous("own").result), loop=[{"n": 1}])
    assert made()
    assert made.results("days/takes") == {"1.mon": (8, "mo"), "1.tue": (1, "tu")}
    assert made.results(own) == {"1.1": (1, None)}


def test_a_loop_walks_a_part_of_a_result_and_a_loop_inside_a_part_of_its_item() -> None:
    made = flow()
    plan = made.add_step("plan", lambda: {"days": {"mon": {"hours": [8, 9]}, "tue": {"hours": [1]}}})
    days = made.add_step("days", loop=plan.result["days"])
    hours = days.add_step("hours", loop=days.item.hours)
    hours.add_step("work", lambda hour: hour, args=(hours.item,))
    days.add_step("again", lambda: seq.current().item, loop=seq.item["hours"])
    assert made()
    assert made.results("days/hours/work") == {"1.mon.1": 8, "1.mon.2": 9, "1.tue.1": 1}
    assert list(made.results("days/again").values()) == [8, 9, 1]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (lambda r: r["m"].x, "plan.result['m'].x: there is no ['m'], because plan.result is a dict with the keys "
         "'n', 'table', 3, 'get'"),
        (lambda r: r.m, "plan.result.m: there is no .m, because plan.result is a dict with the keys 'n', 'table', 3, "
         "'get'"),
        (lambda r: r.table.rows[2], "plan.result.table.rows[2]: there is no [2], because plan.result.table.rows is a "
         "list of length 2"),
        (lambda r: r.table.rows["x"], "there is no ['x'], because plan.result.table.rows is a list of length 2"),
        (lambda r: r.table.line, "there is no .line, because plan.result.table is of type Table"),
        (lambda r: r.n[0], "plan.result.n[0]: there is no [0], because plan.result.n is of type int"),
        (lambda r: r[3].upper, "plan.result[3].upper: plan.result[3].upper is a method of a str of length 5; call it"),
        (lambda r: r.table.broken, "plan.result.table.broken: .broken cannot be taken of plan.result.table, which is "
         "of type Table (RuntimeError: two lines)"),
    ],
)  # fmt: skip
def test_a_part_that_is_not_there_fails_the_step_in_one_line(
    part: Callable[[Any], Any], said: str, tmp_path: Path
) -> None:
    made = flow(tmp_path / "run.db")
    made.add_step("asks", print, args=(part(made.add_step("plan", plan).result),))
    assert not made()
    [(step, error, traceback)] = rows(made.store, "select step, error, traceback from {attempts}")
    assert (step, traceback) == ("asks", None)
    assert error.startswith("PartError: plan.result")
    assert said in error
    assert "\n" not in error


def test_none_of_a_step_without_success_has_no_parts() -> None:
    made = flow()
    fails = made.add_step("fails", lambda: 1 / 0)
    asks = made.add_step("asks", print, args=(fails.result["x"],), require=((fails, seq.STEP_COMPLETE),))
    assert not made()
    [task] = made.tasks(asks)
    assert task.error == "PartError: fails.result['x']: there is no ['x'], because fails.result is None"


def test_a_loop_over_a_part_that_is_not_there_fails_its_container() -> None:
    made = flow()
    made.add_step("each", print, loop=made.add_step("plan", dict).result["rows"])
    assert not made()
    [_, task] = made.tasks()
    assert task.error == (
        "its loop could not be computed: PartError: plan.result['rows']: there is no ['rows'], because plan.result is "
        "an empty dict"
    )


@pytest.mark.parametrize("construct", ["invoke", "process", "thread"])
@pytest.mark.parametrize("shape", ["sealed", "list of sealed"])
def test_parts_of_values_with_codecs_are_taken_where_the_step_runs(construct: str, shape: str, tmp_path: Path) -> None:
    made = flow(tmp_path / "run.db", task_construct=construct)
    if shape == "sealed":
        frame: Any = made.add_step("frame", lambda: {"t": pandas.DataFrame({"a": [1, 2]}), "n": 5}).result
    else:
        frame = made.add_step("frame", lambda: {"t": pandas.DataFrame({"a": [1, 2]}), "n": 5}, loop=[1]).result[0]
    made.add_step("takes", lambda *got: [int(got[0]), *got[1:]], args=(frame["t"].a[1], frame.t["a"].size, frame.n))
    missing = made.add_step("missing", print, args=(frame.t["b"],), config={"stop_on_exception": False})
    assert not made()
    assert made.result("takes") == [2, 2, 5]
    [task] = made.tasks(missing)
    shown = "frame.result" if shape == "sealed" else "frame.result[0]"
    assert task.error == f"PartError: {shown}.t['b']: there is no ['b'], because {shown}.t is of type DataFrame"


def reference() -> Any:
    """A reference."""
    return flow().add_step("s", print).result


def test_a_part_is_shown_as_it_is_written() -> None:
    found = reference()
    parts = [found["a"][0].b, found[1:], found[:-1], found[::2], found[1:2:3]["it's"]]
    assert [repr(part) for part in parts] == [
        "s.result['a'][0].b", "s.result[1:]", "s.result[:-1]", "s.result[::2]", 's.result[1:2:3]["it\'s"]',
    ]  # fmt: skip


@pytest.mark.parametrize("key", [None, 1.5, True, ("a", "b"), ["a"]])
def test_a_part_is_named_by_text_a_number_or_a_slice(key: Any) -> None:
    with pytest.raises(seq.FlowError, match=r"s\.result\[\.\.\.\]: a part is named by text, a number or a slice, not"):
        reference()[key]


@pytest.mark.parametrize("name", ["__array__", "_repr_html_", "_ipython_display_", "__len_hint__", "_x", "__wrapped__"])
def test_what_libraries_ask_for_is_no_part(name: str) -> None:
    for asked_of in (reference(), reference().rows, seq.item):
        assert not hasattr(asked_of, name)


def test_parts_are_copied_but_not_pickled_and_do_not_pass_for_values() -> None:
    part = reference().rows[0]
    assert repr(copy.deepcopy([part])) == repr([copy.copy(part)]) == "[s.result.rows[0]]"
    with pytest.raises(ProgramError, match=r"s\.result\.rows\[0\] stands for a value"):
        pickle.dumps(part)
    for use in (str, bool, list, len):
        with pytest.raises(seq.FlowError, match=r"s\.result\.rows\[0\] is not known before the run"):
            use(part)


def test_a_reference_is_neither_all_arguments_nor_a_function() -> None:
    made = flow()
    found = made.add_step("s", print).result
    with pytest.raises(
        ProgramError, match=r"'x': args must be a tuple .*, not s\.result; write \(s\.result,\) for one"
    ):
        made.add_step("x", print, args=found)  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match=r"'x': func must be callable or None, not s\.result"):
        made.add_step("x", found)  # type: ignore[arg-type]


def test_parts_are_checked_as_what_they_are_parts_of() -> None:
    made, other = flow(), flow()
    foreign = other.add_step("foreign", dict)
    box = made.add_step("box", loop=[1])
    box.add_step("inside", dict)
    made.add_step("a", print, args=([foreign.result["x"]],))
    made.add_step("b", print, args=(box.item["x"],))
    made.add_step("c", print, args=(made.add_step("empty").result.x,))
    assert [line.split("; ")[0] for line in made.problems()] == [
        "step 'a' refers to the result of 'foreign' of another flow",
        "step 'b' refers to box.item, which does not contain it",
        "step 'c': it uses empty.result, but step 'empty' has no function that could return something",
    ]
    with pytest.raises(LoopError, match=r"its loop is box\.key\[0\], which is text"):
        box.add_step("walks", print, loop=box.key[0])


def test_every_name_behind_a_reference_is_a_part() -> None:
    f = flow()
    days = f.add_step("days", loop=[1])
    load = days.add_step("load", dict)
    references = (
        load.result,
        load.previous().result,
        days.results(load),
        days.item,
        days.key,
        load.event("half").value,
    )
    for reference in references:
        public = [name for name in dir(type(reference)) if not name.startswith("_")]
        assert public == ["resolve"], reference
