"""What is drawn of a graph that is too large to be drawn at once, and which one is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import sequent as seq
from tests.support import boom
from tests.visual.drawings import QUIET, nested
from visual import PictureError, draw
from visual.graph.direction import ranked
from visual.graph.effort import MOST
from visual.graph.layout import Edge, Graph


def unlike(count: int, needs: int) -> seq.Sequent:
    """Steps that are not alike, each after some of the sixty before it."""
    flow, choose, steps = seq.Sequent("unlike", ":memory:", config=QUIET), random.Random(1), list[seq.FlowStep]()
    for i in range(count):
        before = choose.sample(steps[-60:], min(len(steps), needs))
        steps.append(flow.add_step(f"s{i}", delay=i, require=tuple((step, seq.STEP_SUCCESS) for step in before)))
    return flow


def edges(graph: Graph) -> set[tuple[str, str]]:
    return {(edge.source, edge.target) for edge in graph.edges}


def names(graph: Graph) -> list[str]:
    return [item.name for item in graph.root.members]


def test_a_graph_of_1000_unlike_steps_is_drawn() -> None:
    picture = draw(unlike(1000, 1))
    assert picture.graph.root.size == 1000
    assert picture.render("svg").startswith(b"<?xml")


def test_graphviz_tries_less_hard_in_large_graphs() -> None:
    assert "nslimit=1" in draw(unlike(1000, 2)).dot
    assert "nslimit" not in draw(unlike(60, 2)).dot


def test_a_graph_that_would_take_too_long_is_refused_at_once_and_its_text_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("visual.graph.draw.rendered", lambda *_: pytest.fail("Graphviz was asked"))
    picture = draw(unlike(1200, 4))
    with pytest.raises(PictureError, match=r"1,200 nodes and 4,790 arrows .* path .* depth .* DOT text"):
        picture.render("svg")
    assert picture.dot.count("->") == 4790


def test_long_arrows_count_as_many_ranks() -> None:
    chain = [Edge(f"s{i}", f"s{i + 1}") for i in range(99)]
    graph = draw(unlike(100, 0)).graph
    assert ranked(Graph(graph.root, chain)).effort == 100 + 99
    assert ranked(Graph(graph.root, [*chain, Edge("s0", "s99")])).effort == 100 + 99 + 99 < MOST


def test_a_step_is_drawn_with_its_neighbours() -> None:
    graph = draw(unlike(200, 2), path="s100").graph
    before = {source for source, target in edges(draw(unlike(200, 2)).graph) if target == "s100"}
    assert len(before) == 2
    assert {source for source, target in edges(graph) if target == "s100"} == before
    assert all("s100" in edge for edge in edges(graph))
    assert names(graph) == sorted(names(graph), key=lambda name: int(name[1:]))


def test_a_container_is_drawn_with_all_inside_and_its_neighbours_closed() -> None:
    flow = seq.Sequent("flow", ":memory:", config=QUIET)
    outer = flow.add_step("outer")
    outer.add_step("a")
    outer.add_step("b")
    bad = flow.add_step("bad", require=((outer, seq.STEP_SUCCESS),))
    flow.add_step("next", require=((bad, seq.STEP_SUCCESS), (outer, seq.STEP_COMPLETE))).add_step("more")
    flow.add_step("far", require=((bad, seq.STEP_SUCCESS),))
    graph = draw(flow, path="outer").graph
    assert names(graph) == ["outer", "bad", "next"]
    assert [node.name for node in graph.root.boxes[0].nodes] == ["a", "b"]
    assert graph.root.nodes[-1].about == ("needs both", "1 step inside")
    assert edges(graph) == {("outer", "bad"), ("outer", "next")}


def test_alternatives_are_drawn_with_the_step_that_requires_them() -> None:
    graph = draw(nested(), path="either").graph
    assert names(graph) == ["outer", "bad", "either", "or"]
    assert edges(graph) == {("#or 1", "either"), ("bad", "#or 1"), ("outer", "#or 1")}


def test_a_step_inside_shows_neighbours_elsewhere_by_their_paths() -> None:
    flow = seq.Sequent("flow", ":memory:", config=QUIET)
    box = flow.add_step("box")
    first = box.add_step("first")
    second = box.add_step("second", require=((first, seq.STEP_SUCCESS),))
    box.add_step("third", require=((second, seq.STEP_SUCCESS),))
    assert names(draw(flow, path="box/second").graph) == ["box/first", "second", "box/third"]


def test_an_unknown_path_is_told_with_what_it_may_mean() -> None:
    with pytest.raises(PictureError, match=r"no step 'outer/c' to draw; did you mean 'outer/b'"):
        draw(nested(), path="outer/c")
    with pytest.raises(PictureError, match=r"no step 'x' to draw; there are outer, outer/a, outer/b, bad"):
        draw(nested(), path="x")


def test_containers_are_closed_from_a_depth_on() -> None:
    flow = seq.Sequent("flow", ":memory:", config=QUIET)
    flow.add_step("a").add_step("b").add_step("c").add_step("d")
    (a,) = draw(flow, depth=1).graph.root.members
    assert a.about == ("1 step inside",)
    (b,) = draw(flow, depth=2).graph.root.boxes[0].members
    assert (b.id, b.about) == ("a/b", ("1 step inside",))
    (c,) = draw(flow, path="a/b", depth=1).graph.root.boxes[0].members
    assert (c.id, c.about) == ("a/b/c", ("1 step inside",))
    with pytest.raises(PictureError, match="depth of 0"):
        draw(flow, depth=0)


def test_a_closed_container_names_what_failed_by_where_it_is_inside(tmp_path: Path) -> None:
    flow = seq.Sequent("flow", tmp_path / "run.db", config=QUIET)
    outer = flow.add_step("outer")
    for name in ("a", "b"):
        outer.add_step(name).add_step("load", boom)
    outer.add_step("load", int)
    flow.run()
    (closed,) = draw(tmp_path / "run.db", depth=1).graph.root.nodes
    assert closed.said[-2:] == ("2 failure, 1 success", "failed: a/load, b/load")


def test_a_run_is_drawn_in_part(tmp_path: Path) -> None:
    nested(tmp_path / "run.db").run(max_loops=1)
    graph = draw(tmp_path / "run.db", path="outer", depth=1).graph
    assert graph.root.boxes[0].state == "success"
