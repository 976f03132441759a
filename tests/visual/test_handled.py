"""Every view of a run says and counts the same: handled failures, steps of all, and steps that cannot be reached."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import sequent as seq
from eventcore.record.reading import reading
from tests.support import boom
from visual import draw
from visual.graph.looks import look_of
from visual.graph.shapes import Box, Node
from visual.live import look, picture
from visual.reach import out_of_reach

CONFIG = {"task_construct": "invoke", "logging_level": "CRITICAL", "console": False}


def bad_weeks(store: Path) -> seq.Sequent:
    """Two weeks; in each `gzip` fails at the last of three items, which `mend` handles. And a step without a loop."""
    flow = seq.Sequent("flow", store, config=CONFIG)
    week = flow.add_step("week", loop=[1, 2])
    gzip = week.add_step("gzip", lambda item: boom() if item == 3 else None, (), loop=[1, 2, 3])
    gzip.args = (gzip.item,)
    week.add_step("mend", int, require=((gzip, seq.STEP_FAILURE),))
    once = flow.add_step("once", boom)
    flow.add_step("instead", int, require=((once, seq.STEP_FAILURE),))
    return flow


def drawn(store: Path) -> dict[str, Node | Box]:
    """What the picture of the latest run has, by name."""
    found: dict[str, Node | Box] = {}
    agenda = list(draw(store).graph.root.members)
    while agenda:
        item = agenda.pop()
        found[item.name] = item
        agenda += item.members if isinstance(item, Box) else []
    return found


def shown(store: Path) -> list[str]:
    """The live view of the latest run."""
    with reading(str(store)) as reader:
        now = time.time()
        return picture(look(reader, None, now), now, 150, 30).plain.splitlines()


def test_a_handled_failure_is_said_to_be_one_and_drawn_in_another_colour(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    assert bad_weeks(store).run()
    nodes = drawn(store)
    assert nodes["once"].said[0].startswith("failure, handled, ")
    assert nodes["gzip"].said[0].startswith("failure 4/6, 2 failed and handled, ")
    assert nodes["once"].state == nodes["gzip"].state == "failure, handled"
    assert look_of("failure, handled") != look_of("failure")
    assert "failure_handled fill:" in draw(store).mermaid
    lines = shown(store)
    assert any(" once " in line and "failure, handled, @1: " in line for line in lines)
    assert any("gzip " in line and "failure 4/6, 2 failed and handled, @" in line for line in lines)


def test_an_unhandled_failure_is_not_said_to_be_handled(tmp_path: Path) -> None:
    flow = seq.Sequent("flow", tmp_path / "run.db", config=CONFIG)
    flow.add_step("once", boom)
    flow.run()
    assert drawn(tmp_path / "run.db")["once"].said[0].startswith("failure, 0")


def test_a_picture_counts_like_the_tree(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    each = flow.add_step("each", loop=[1, 2, 3])
    first = each.add_step("first", lambda item: boom() if item == 2 else None, (each.item,))
    each.add_step("then", int, require=((first, seq.STEP_SUCCESS),))
    each.add_step("instead", int, require=((first, seq.STEP_FAILURE),))
    flow.run()
    assert drawn(store)["then"].said[0].startswith("success 2/3, ")
    assert any("then " in line and "success 2/3" in line for line in shown(store))


def paths_out_of_reach(flow: seq.Sequent, store: Path) -> set[str]:
    """What the run could not reach any more when it was stopped after its first pass."""
    flow.run(max_loops=1)
    with reading(str(store)) as reader:
        found = look(reader, None, time.time())
        return {name for name, standing in found.standings.items() if standing.state == "not reached"}


@pytest.mark.parametrize("fails", [True, False])
def test_what_a_run_that_goes_on_cannot_reach_is_not_waiting(fails: bool, tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    first = flow.add_step("first", boom if fails else int)
    good = flow.add_step("good", int, require=((first, seq.STEP_SUCCESS),))
    bad = flow.add_step("bad", int, require=((first, seq.STEP_FAILURE),))
    flow.add_step("after good", int, require=((good, seq.STEP_COMPLETE),), delay=3600)
    flow.add_step("after bad", int, require=((bad, seq.STEP_COMPLETE),), delay=3600)
    flow.add_step("either", int, require=seq.or_((good, seq.STEP_SUCCESS), (bad, seq.STEP_SUCCESS)), delay=3600)
    way = "good" if fails else "bad"
    assert paths_out_of_reach(flow, store) == {way, f"after {way}"}
    assert any(f" {way} " in line and "not reached" in line for line in shown(store))


def test_what_stands_in_a_container_that_is_over_is_not_waiting_and_in_one_that_is_not_it_is(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    flow = seq.Sequent("flow", store, config=CONFIG)
    for name, items in (("over", [1, 2]), ("begun", [1, 2])):
        box = flow.add_step(name, loop=items)
        first = box.add_step("first", int)
        box.add_step("never", int, require=((first, seq.STEP_FAILURE),))
        if name == "begun":
            box.add_step("later", int, require=((first, seq.STEP_SUCCESS),), delay=3600)
    assert paths_out_of_reach(flow, store) == {"over/never"}
    assert out_of_reach((), {}) == {}
