"""What a picture shows: boxes, arrows, labels, states, whichever way the program was written."""

import json
from pathlib import Path

import pytest

import eventcore as evr
import sequent as seq
from visual import Picture, PictureError, draw
from visual.graph import Box, Edge, Graph

QUIET = {"task_construct": "invoke", "logging_level": "ERROR", "console": False}


def fail() -> None:
    raise RuntimeError("on purpose")


def nested(store: Path | str = ":memory:") -> seq.Sequent:
    flow = seq.Sequent("nested", store, config={**QUIET, "stop_on_exception": False})
    pool = seq.ResourcePool("licences", 2)
    outer = flow.add_step("outer", loop=[1, 2], concurrent=2)
    a = outer.add_step("a", print, acquires=[(pool, 1)])
    outer.add_step("b", require=((a, seq.STEP_SUCCESS),))
    bad = flow.add_step("bad", fail, require=((outer, seq.STEP_SUCCESS),))
    flow.add_step("either", require=(seq.or_((bad, seq.STEP_SUCCESS), (outer, seq.STEP_FAILURE)),), delay=5)
    flow.add_step("mop", require=((bad, seq.STEP_FAILURE),))
    return flow


def edges(graph: Graph) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.target, edge.label) for edge in graph.edges}


def boxes(box: Box) -> dict[str, list[str]]:
    found = {box.id: [node.id for node in box.nodes]}
    for inner in box.boxes:
        found |= boxes(inner)
    return found


def test_containers_are_boxes_with_their_steps_inside() -> None:
    graph = draw(nested()).graph
    assert boxes(graph.root) == {"flow": ["bad", "either", "or 1", "mop"], "outer": ["outer/a", "outer/b"]}


def test_require_edges_say_the_status_and_alternatives_meet_in_a_junction() -> None:
    graph = draw(nested()).graph
    assert edges(graph) == {
        ("outer/a", "outer/b", "success"),
        ("outer", "bad", "success"),
        ("bad", "or 1", "success"),
        ("outer", "or 1", "failure"),
        ("or 1", "either", ""),
        ("bad", "mop", "failure"),
    }
    assert Edge("or 1", "either", "", 5.0) in graph.edges


def test_loops_and_resources_are_written_on_the_step() -> None:
    graph = draw(nested()).graph
    assert graph.root.boxes[0].lines == ("outer", "loop: 2 items, 2 at once")
    assert graph.root.boxes[0].nodes[0].lines == ("a", "takes 1 of licences")


def test_a_run_shows_states_as_words_and_counts(tmp_path: Path) -> None:
    store = tmp_path / "run.db"
    nested(store).run(max_loops=1)
    graph = draw(store).graph
    states = {node.id: node.state for node in graph.root.nodes}
    assert states == {"bad": "failure", "or 1": None, "either": "not reached", "mop": "success"}
    outer = graph.root.boxes[0]
    assert outer.state == "success"
    assert outer.nodes[0].lines[-1].startswith("success 2/2")


def test_a_raw_program_shows_its_events_and_steps() -> None:
    ev = evr.Eventor("raw", ":memory:", config=QUIET)
    a, b = ev.add_event("a"), ev.add_event("b")
    both = ev.add_event("both", (a, b))
    first = ev.add_step("first", triggers={evr.STEP_SUCCESS: (b,)})
    ev.add_assoc(a, first, delay=2)
    ev.add_assoc(both, ev.add_step("last"))
    graph = draw(ev).graph
    assert edges(graph) == {
        ("event a", "step first", ""),
        ("step first", "event b", "success"),
        ("event a", "and 1", ""),
        ("event b", "and 1", ""),
        ("and 1", "event both", ""),
        ("event both", "step last", ""),
    }
    assert Edge("event a", "step first", "", 2.0) in graph.edges


def test_dot_is_the_same_text_each_time_and_quotes_any_name() -> None:
    flow = seq.Sequent('say "hi"', ":memory:", config=QUIET)
    odd = flow.add_step('a:b "c" \\n <d>')
    flow.add_step("last", require=((odd, seq.STEP_COMPLETE),))
    text = draw(flow).dot
    assert text == draw(flow).dot
    assert text.splitlines()[4:] == [
        '\tn1 [label="a:b \\"c\\" \\\\n <d>" id="a:b \\"c\\" \\\\n <d>"]',
        "\tn2 [label=last id=last]",
        "\tn1 -> n2 [label=complete style=dotted]",
        "}",
    ]


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_pictures_render(format: str, tmp_path: Path) -> None:
    file = draw(nested()).save(tmp_path / f"picture.{format}")
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert file.read_bytes().startswith(starts[format])


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="svg, png, pdf"):
        draw(nested()).save(tmp_path / "picture.bmp")


def test_without_graphviz_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visual.render.shutil.which", lambda _: None)
    monkeypatch.setattr("visual.render.find_spec", lambda _: None)
    with pytest.raises(PictureError, match=r"install.*graphviz.*\.dot"):
        draw(nested()).render()


def test_a_layout_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("visual.render._command", lambda _: ["sleep", "60"])
    monkeypatch.setattr("visual.render.TIME_LIMIT", 0.1)
    with pytest.raises(PictureError, match="took more than"):
        draw(nested()).render()


def test_the_document_is_all_a_picture_needs() -> None:
    flow = nested()
    json.loads(flow.document)
    assert isinstance(draw(flow), Picture)
