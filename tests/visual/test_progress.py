"""How far loops came: their totals are shown as soon as their items are known, wherever those come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sequent as seq
from eventcore.record.reading import reading
from tests.support import boom
from visual import draw
from visual.live import changes, look, picture
from visual.live.items import items_of
from visual.live.moment import Moment
from visual.notebook.view import view_of
from visual.reading import standings
from visual.report.build import report_data
from visual.standing import Standing

CONFIG = {"task_construct": "invoke", "logging_level": "ERROR", "console": False, "stop_on_exception": False}


def seen(store: Path) -> tuple[Moment, dict[str, Standing], dict[str, Any]]:
    """A moment of the latest run, how its steps stand, and the report's steps by their paths."""
    with reading(str(store)) as reader:
        now = time.time()
        run = reader.run(None, now)
        steps = report_data(reader, run, now)[0]["steps"]
        return look(reader, None, now), standings(reader, run), {step["path"]: step for step in steps}


def lines(store: Path) -> Iterator[tuple[str, str]]:
    """The lines of the live view: name and counter."""
    stack = list(items_of(seen(store)[0], time.time()))
    while stack:
        item = stack.pop(0)
        yield item.name, item.counter
        stack = [*item.children, *stack]


def fail_at(bad: object) -> Callable[[object], None]:
    """A step's function that fails for one item."""
    return lambda item: boom() if item == bad else None


@pytest.mark.parametrize("loop", [["a", "b", "c"], lambda: ["a", "b", "c"]], ids=["items", "function"])
def test_a_looped_step_shows_how_many_of_all_items_succeeded(loop: Any, tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    each = flow.add_step("each", fail_at("b"), (), loop=loop)
    each.args = (each.item,)
    flow.run()
    moment, known, steps = seen(store)
    assert dict(lines(store)) == {"each": "2/3"}
    assert known["each#body"].text.startswith("failure 2/3, 1 failed")
    assert steps["each"]["progress"] == {
        "loops": 1, "items": 3, "begun": 3, "over": 3, "failed": 1, "cancelled": 0,
    }  # fmt: skip
    assert draw(store).graph.root.nodes[0].said[0].startswith("failure 2/3, 1 failed")
    assert moment.nodes[0].loop is not None


def test_the_first_line_says_how_many_of_all_instances_are_over(tmp_path: Path) -> None:
    def first_line() -> str:
        return str(picture(seen(tmp_path / "run.db")[0], time.time(), 120, 10)).splitlines()[0]

    flow = seq.Sequent("flow", tmp_path / "run.db", config={**CONFIG, "stop_on_exception": True})
    outer = flow.add_step("outer", loop=["a", "b"])
    first = outer.add_step("first", fail_at("b"), (outer.item,))
    outer.add_step("second", int, loop=[1, 2, 3], require=((first, seq.STEP_SUCCESS),))
    flow.add_step("last", int, require=((outer, seq.STEP_SUCCESS),))
    flow.run()
    assert first_line().startswith("flow  failure  5 of 9 finished  ")

    unknown = seq.Sequent("flow", tmp_path / "run.db", config={**CONFIG, "stop_on_exception": True})
    before = unknown.add_step("before", boom)
    unknown.add_step("each", int, loop=list, require=((before, seq.STEP_SUCCESS),))
    unknown.run()
    assert first_line().startswith("flow  failure  1 finished  ")


def test_loops_in_loops_are_counted_together(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    outer = flow.add_step("outer", loop=lambda: [1, 2])
    inner = outer.add_step("inner", loop=lambda: ["x", "y", "z"])
    inner.add_step("do", int)
    flow.run()
    assert dict(lines(store)) == {"outer": "2/2", "inner": "6/6", "do": "6/6"}


def test_of_loops_that_were_never_reached_only_what_is_known_is_said(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config={**CONFIG, "stop_on_exception": True})
    outer = flow.add_step("outer", loop=["a", "b"])
    first = outer.add_step("first", fail_at("a"), (outer.item,))
    outer.add_step("known", int, loop=[1, 2, 3], require=((first, seq.STEP_SUCCESS),))
    outer.add_step("computed", int, loop=list, require=((first, seq.STEP_SUCCESS),))
    flow.run()
    assert dict(lines(store)) == {"outer": "0/2", "first": "0/2", "known": "0/6", "computed": "(0 done)"}


def test_an_empty_loop_is_done_and_one_that_cannot_be_computed_has_failed(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    flow.add_step("none", int, loop=list)
    flow.add_step("never", int, loop=boom)
    flow.run()
    known = seen(store)[1]
    assert known["none#body"].text == "success 0/0"
    assert known["never#body"].state == "failure"


def test_why_a_loop_could_not_be_computed_is_said_wherever_a_run_is_watched(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    flow.add_step("box", loop=boom).add_step("inner", int)
    flow.add_step("own", int, loop=boom)
    flow.run()
    moment = seen(store)[0]
    why = "@1: its loop could not be computed: ValueError: boom"
    watched = list(changes(None, moment))
    notebook = view_of(moment, time.time(), []).bundle["text/plain"]
    for path in ("box", "own"):
        assert [line.endswith(why) for line in watched if f" {path}: " in line] == [True]
        assert f"{path}{why}" in notebook.splitlines()
    assert [item.about.endswith(why) for item in items_of(moment, time.time())] == [True, True]


def test_a_notebook_counts_all_failures_and_names_the_items_of_those_it_shows(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    flow.add_step("each", boom, ("down",), loop=[f"day {number}" for number in range(1, 61)])
    flow.add_step("box", loop=[1, 2]).add_step("inner", boom)
    flow.run()
    shown = view_of(seen(store)[0], time.time(), [])
    assert len({line.partition("@")[2] for line, _ in shown.failures}) == 3
    assert all("[" in line for line, _ in shown.failures)
    assert shown.more == "and 59 more: flow.tasks() has them all"


def test_the_failure_that_ends_a_run_is_told_however_many_were_handled(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    box = flow.add_step("box", loop=range(60))
    tried = box.add_step("tried", boom, ("odd",))
    box.add_step("instead", int, require=((tried, seq.STEP_FAILURE),))
    flow.add_step("last", boom, ("the reason",), require=((box, seq.STEP_SUCCESS),))
    flow.run()
    moment = seen(store)[0]
    assert [line.partition(" last: ")[2] for line in changes(None, moment)][-1] == "failure, @1: ValueError: the reason"
    assert [line for line, _ in view_of(moment, time.time(), []).failures] == [
        "last@1: ValueError: the reason", "box/tried@1.1 [0], handled: ValueError: odd",
        "box/tried@1.2 [1], handled: ValueError: odd",
    ]  # fmt: skip
