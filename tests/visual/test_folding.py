"""Graphs stay legible at any size: many alike are drawn as one, with their counts."""

from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from tests.visual.drawings import QUIET, fail, fan
from visual import draw
from visual.graph.direction import ranked
from visual.graph.layout import Edge, Graph


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.target, edge.label) for edge in graph.edges}


def names(graph: Graph) -> list[str]:
    return [item.name for item in graph.root.members]


@pytest.mark.parametrize("count", [5, 30])
def test_a_small_graph_is_drawn_as_it_is(count: int) -> None:
    assert draw(fan(count)).graph.root.size == count + 2


@pytest.mark.parametrize("count", [31, 298])
def test_many_alike_are_one_with_arrows_in_and_out(count: int) -> None:
    graph = draw(fan(count)).graph
    assert names(graph) == ["split", f"part000 … part{count - 1:03}", "join"]
    assert edges(graph) == {("split", "#fold of part000", "success"), ("#fold of part000", "join", "success")}
    assert graph.root.nodes[1].about == (f"{count} steps alike",)
    assert graph.root.nodes[2].about == (f"needs all {count}",)


def test_conditions_alike_are_one_in_the_kernels_picture() -> None:
    flow = seq.Sequent("flow", ":memory:", config=QUIET)
    asked = flow.add_step("asked", print)
    for number in range(40):
        flow.add_step(f"part{number:02}", print, when=asked.result)
    about = [item.about for item in draw(flow, kernel=True).graph.root.nodes]
    assert ("40 conditions alike", "decides") in about


def test_unfolded_every_step_is_there() -> None:
    graph = draw(fan(298), unfold=True).graph
    assert graph.root.size == 300
    assert len(graph.edges) == 2 * 298


def test_a_fold_counts_its_states_and_names_what_failed(tmp_path: Path) -> None:
    fan(40, tmp_path / "run.db", failing=(3, 7, 8, 20, 31)).run()
    fold = draw(tmp_path / "run.db").graph.root.nodes[1]
    assert fold.state == "failure"
    assert fold.said == ("5 failure, 35 success", "failed: part003, part007, part008 and 2 more")


def test_separate_fan_ins_of_equal_shape_stay_separate() -> None:
    flow = seq.Sequent("fan-ins", ":memory:", config=QUIET)
    for name in ("a", "b"):
        parts = [flow.add_step(f"{name}{i}") for i in range(40)]
        flow.add_step(name, require=tuple((part, seq.STEP_SUCCESS) for part in parts))
    graph = draw(flow).graph
    assert names(graph) == ["a0 … a39", "a", "b0 … b39", "b"]
    assert edges(graph) == {("#fold of a0", "a", "success"), ("#fold of b0", "b", "success")}


def test_parallel_lanes_are_folded_stage_by_stage_and_say_that_they_are_lanes() -> None:
    flow = seq.Sequent("lanes", ":memory:", config=QUIET)
    for i in range(40):
        extract = flow.add_step(f"extract{i}")
        flow.add_step(f"load{i}", require=((extract, seq.STEP_SUCCESS),))
    graph = draw(flow).graph
    assert names(graph) == ["extract0 … extract39", "load0 … load39"]
    assert graph.edges == [Edge("#fold of extract0", "#fold of load0", "success", note="1 to 1")]


def test_folds_that_meet_in_part_say_how_many_meet_how_many() -> None:
    flow = seq.Sequent("in part", ":memory:", config=QUIET)
    for i in range(40):
        parts = [flow.add_step(f"part{i}_{j}") for j in range(3)]
        flow.add_step(f"join{i}", require=tuple((part, seq.STEP_SUCCESS) for part in parts))
    assert draw(flow).graph.edges == [Edge("#fold of part0_0", "#fold of join0", "success", note="3 to 1")]


def test_the_middle_of_a_long_chain_is_one() -> None:
    flow = seq.Sequent("chain", ":memory:", config=QUIET)
    before: seq.FlowStep | None = None
    for i in range(300):
        before = flow.add_step(f"s{i:03}", require=((before, seq.STEP_SUCCESS),) if before else ())
    graph = draw(flow).graph
    assert names(graph) == ["s000", "s001 … s298", "s299"]
    assert graph.root.nodes[1].about == ("298 steps alike", "one after another")
    assert edges(graph) == {("s000", "#fold of s001", "success"), ("#fold of s001", "s299", "success")}


def test_the_middle_of_a_long_chain_of_events_and_steps_is_one() -> None:
    ev = evr.Eventor("chain", ":memory:", config=QUIET)
    event = ev.add_event("begin")
    for i in range(50):
        step = ev.add_step(f"s{i}", triggers={evr.STEP_SUCCESS: (after := ev.add_event(f"e{i}"),)})
        ev.add_assoc(event, step)
        event = after
    graph = draw(ev).graph
    assert names(graph) == ["s0 … s49", "begin", "e49"]
    assert graph.root.nodes[0].about == ("50 steps and 49 events", "one after another")


def test_long_names_are_shortened_where_they_stand_for_many() -> None:
    flow = seq.Sequent("long", ":memory:", config=QUIET)
    for i in range(40):
        flow.add_step(f"load {'a_long_name_that_was_generated_' * 5}{i:02}")
    (name,) = names(draw(flow).graph)
    assert name.startswith("load a_long_name_th…")
    assert name.endswith("_generated_39")
    assert len(name) == 83


def test_containers_alike_are_one_and_others_are_not() -> None:
    flow = seq.Sequent("boxes", ":memory:", config=QUIET)
    for i in range(40):
        box = flow.add_step(f"table{i:02}", loop=range(2))
        first = box.add_step("first")
        box.add_step("second", require=((first, seq.STEP_SUCCESS if i else seq.STEP_FAILURE),))
    graph = draw(flow).graph
    assert names(graph) == ["table00", "table01 … table39"]
    assert graph.root.nodes[0].about == ("39 containers alike", "loop: 2 items")
    assert graph.edges == [Edge("table00/first", "table00/second", "failure")]


def stages(count: int, store: Path | str = ":memory:") -> seq.Sequent:
    """Containers one after another, each with fourteen steps that are not alike."""
    flow = seq.Sequent("stages", store, config=QUIET)
    before: seq.FlowStep | None = None
    for i in range(count):
        stage = flow.add_step(f"stage{i:02}", require=((before, seq.STEP_SUCCESS),) if before else ())
        inner = stage.add_step("inner", acquires=[(seq.ResourcePool(f"pool{i}", 1), 1)])
        steps: list[seq.FlowStep] = []
        for j in range(14):
            needs = tuple((steps[k], seq.STEP_SUCCESS) for k in {j // 2 - 1, j // 3 - 1} if k >= 0)
            steps.append(inner.add_step(f"work{j:02}", fail if (i, j) == (1, 3) else None, require=needs))
        before = stage
    return flow


def test_a_crowded_graph_has_its_innermost_containers_closed(tmp_path: Path) -> None:
    stages(20, tmp_path / "run.db").run()
    graph = draw(tmp_path / "run.db").graph
    assert [box.name for box in graph.root.boxes] == [f"stage{i:02}" for i in range(20)]
    inner = graph.root.boxes[1].nodes[0]
    assert (inner.id, inner.name, inner.state) == ("stage01/inner", "inner", "failure")
    assert inner.about == ("takes 1 of pool1", "14 steps inside")
    assert inner.said[-2:] == ("1 failure, 4 not reached, 9 success", "failed: work03")
    assert [(edge.source, edge.target) for edge in graph.edges] == [
        (f"stage{i:02}", f"stage{i + 1:02}") for i in range(19)
    ]
    assert draw(tmp_path / "run.db", unfold=True).graph.root.size == 280


def test_as_many_levels_are_closed_as_it_takes() -> None:
    flow = seq.Sequent("levels", ":memory:", config=QUIET)
    for i in range(8):
        outer = flow.add_step(f"outer{i}")
        for j in range(6):
            middle = outer.add_step(f"middle{j}", delay=i + j)
            for k in range(7):
                middle.add_step(f"inner{k}", delay=k).add_step("work", delay=i)
    assert draw(flow).graph.root.size == 48
    for depth in (None, 3, 2):
        assert draw(flow, depth=depth).graph.root.boxes[0].nodes[0].about == ("7 steps inside",)


def test_alternatives_of_many_are_folded_with_them() -> None:
    flow = seq.Sequent("junctions", ":memory:", config=QUIET)
    a, b = flow.add_step("a"), flow.add_step("b")
    for i in range(50):
        flow.add_step(f"s{i}", require=(seq.or_((a, seq.STEP_SUCCESS), (b, seq.STEP_FAILURE)),))
    graph = draw(flow).graph
    assert names(graph) == ["a", "b", "s0 … s49", "50 or"]
    assert len(graph.edges) == 3


def test_what_goes_on_at_the_same_time_is_drawn_side_by_side_as_far_as_a_screen_is_wide() -> None:
    assert ranked(draw(fan(5)).graph).way == "TB"
    assert ranked(draw(fan(30)).graph).way == "LR"


def test_a_program_that_runs_in_circles_is_drawn() -> None:
    ev = evr.Eventor("circle", ":memory:", config=QUIET)
    again = ev.add_event("again")
    ev.add_assoc(again, ev.add_step("step", triggers={evr.STEP_SUCCESS: (again,)}))
    assert draw(ev).dot.count("->") == 2


def test_a_circle_of_many_says_that_some_come_after_others() -> None:
    ev = evr.Eventor("circle", ":memory:", config=QUIET)
    events = [ev.add_event(f"e{i}") for i in range(40)]
    for i, event in enumerate(events):
        ev.add_assoc(event, events[(i + 1) % 40])
    (fold,) = draw(ev).graph.root.nodes
    assert fold.about == ("40 events alike", "some after others")
    assert draw(ev).graph.edges == []
