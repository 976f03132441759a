"""What a picture shows: boxes, arrows, labels, states, whichever way the program was written."""

from pathlib import Path

import sequent as seq
from tests.visual.drawings import QUIET, nested, raw
from visual import draw
from visual.graph.layout import Box, Edge, Graph
from visual.standing import Standing


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.target, edge.label) for edge in graph.edges}


def boxes(box: Box) -> dict[str, list[str]]:
    found = {box.id: [node.id for node in box.nodes]}
    for inner in box.boxes:
        found |= boxes(inner)
    return found


def test_containers_are_boxes_with_their_steps_inside() -> None:
    graph = draw(nested()).graph
    assert boxes(graph.root) == {"#flow": ["bad", "either", "#or 1", "mop"], "outer": ["outer/a", "outer/b"]}


def test_require_edges_say_the_status_and_alternatives_meet_in_a_junction() -> None:
    graph = draw(nested()).graph
    assert edges(graph) == {
        ("outer/a", "outer/b", "success"),
        ("outer", "bad", "success"),
        ("bad", "#or 1", "success"),
        ("outer", "#or 1", "failure"),
        ("#or 1", "either", ""),
        ("bad", "mop", "failure"),
        ("outer", "mop", "complete"),
    }
    assert Edge("#or 1", "either", "", 5.0) in graph.edges


def test_a_step_that_needs_several_says_that_it_needs_all_of_them() -> None:
    mop = draw(nested()).graph.root.nodes[-1]
    assert mop.lines == ("mop", "needs both")


def test_loops_and_resources_are_written_on_the_step() -> None:
    graph = draw(nested()).graph
    assert graph.root.boxes[0].lines == ("outer", "loop: 2 items, 2 at once")
    assert graph.root.boxes[0].nodes[0].lines == ("a", "takes 1 of licences")


def test_a_step_may_have_the_name_of_anything_in_a_picture() -> None:
    flow = seq.Sequent("odd", ":memory:", config=QUIET)
    for name in ("flow", "or 1", "n1", "root"):
        flow.add_step(name)
    picture = draw(flow)
    assert [node.id for node in picture.graph.root.nodes] == ["flow", "or 1", "n1", "root"]
    assert picture.dot.count(" [label=") == 4


def test_a_run_shows_states_as_words_and_counts(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    nested(store).run(max_loops=1)
    graph = draw(store).graph
    states = {node.id: node.state for node in graph.root.nodes}
    assert states == {"bad": "failure, handled", "#or 1": None, "either": "not reached", "mop": "success"}
    outer = graph.root.boxes[0]
    assert outer.state == "success"
    assert outer.nodes[0].lines[-1].startswith("success 2/2")


def test_a_step_that_was_tried_again_says_how_often(tmp_path: Path) -> None:
    lost = ["the line", "the line again"]

    def flaky() -> None:
        if lost:
            raise ConnectionError(lost.pop())

    flow = seq.Sequent("retried", tmp_path / "run.db", config=QUIET)
    flow.add_step("fetch", flaky, config={"retries": 3, "retry_delay": 0})
    flow.run()
    (fetch,) = draw(tmp_path / "run.db").graph.root.nodes
    assert fetch.said[0].startswith("success, 3 tries, ")


def test_of_several_instances_the_most_tries_are_told() -> None:
    assert Standing("success", {"success": 4}, None, tries=2).text == "success 4/4, up to 2 tries"


def test_a_raw_program_shows_its_events_and_steps() -> None:
    graph = draw(raw()).graph
    assert edges(graph) == {
        ("event a", "step first", ""),
        ("step first", "event b", "success"),
        ("event a", "#and 1", ""),
        ("event b", "#and 1", ""),
        ("#and 1", "event both", ""),
        ("event both", "step last", ""),
    }
    assert Edge("event a", "step first", "", 2.0) in graph.edges


def test_the_kernel_graph_has_scopes_as_boxes_and_the_steps_that_compute_loops() -> None:
    graph = draw(nested(), kernel=True).graph
    found = boxes(graph.root)
    assert found.keys() == {"#flow", "scope outer"}
    assert {"step outer", "step outer#items", "event #begin", "event outer#begin"} & set(found["#flow"]) == {
        "step outer", "step outer#items", "event #begin",
    }  # fmt: skip
    about = {node.name: node.about for node in graph.root.nodes if node.kind in ("container", "items")}
    assert about == {"outer": ("container",), "outer#items": ("computes the loop",)}
    assert Edge("event either#require", "step either", "", 5.0) in graph.edges
    assert ("step bad", "event bad#failure", "failure") in edges(graph)


def test_the_kernel_graph_of_a_raw_program_is_its_picture() -> None:
    assert draw(raw(), kernel=True).dot == draw(raw()).dot


def test_the_kernel_graph_of_a_run_has_the_states_of_hidden_steps(tmp_path: Path) -> None:
    nested(tmp_path / "run.db").run(max_loops=1)
    graph = draw(tmp_path / "run.db", kernel=True).graph
    assert {node.state for node in graph.root.nodes if node.id == "step outer#items"} == {"success"}


def test_arrows_say_what_they_are_for_unless_all_are_for_success() -> None:
    flow = seq.Sequent("labels", ":memory:", config=QUIET)
    a = flow.add_step("a")
    flow.add_step("b", require=((a, seq.STEP_SUCCESS),), delay=3)
    assert "success" not in draw(flow).dot + draw(flow).mermaid
    assert '" after 3 s "' in draw(flow).dot
    flow.add_step("c", require=((a, seq.STEP_FAILURE),))
    assert '" success, after 3 s "' in draw(flow).dot
    assert '" failure "' in draw(flow).dot
    assert '"success, after 3 s"' in draw(flow).mermaid


def test_members_of_a_picture_are_in_the_order_of_their_definition() -> None:
    flow = seq.Sequent("order", ":memory:", config=QUIET)
    for i in range(4):
        step = flow.add_step(f"s{i}")
        if i % 2:
            step.add_step("inside")
    picture = draw(flow)
    assert [item.name for item in picture.graph.root.members] == ["s0", "s1", "s2", "s3"]
    assert [picture.mermaid.index(f'"s{i}"') for i in range(4)] == sorted(
        picture.mermaid.index(f'"s{i}"') for i in range(4)
    )
