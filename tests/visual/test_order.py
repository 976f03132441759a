"""Where things stand in a picture: siblings in the order of their definition, in rows as wide as a screen."""

from __future__ import annotations

import re
from collections import defaultdict
from xml.etree import ElementTree

import pytest

import sequent as seq
from tests.visual.drawings import QUIET, fan
from visual import Picture, draw
from visual.graph.direction import ranked

SVG = "{http://www.w3.org/2000/svg}"
Places = dict[str, tuple[float, float]]


def places(picture: Picture) -> Places:
    """The middle of each node's text, by its id."""
    root = ElementTree.fromstring(picture.render("svg"))
    nodes = [group for group in root.iter(f"{SVG}g") if group.get("class") == "node"]
    return {node.get("id", ""): _middle(node) for node in nodes}


def _middle(node: ElementTree.Element) -> tuple[float, float]:
    """Of all coordinates of the node's shape."""
    numbers = [float(n) for path in node.iter(f"{SVG}path") for n in re.findall(r"-?[\d.]+", path.get("d", ""))]
    return sum(numbers[::2]) / len(numbers[::2]), sum(numbers[1::2]) / len(numbers[1::2])


def rows(at: Places) -> list[list[str]]:
    """The ids from the top to the bottom, and in a row from the left to the right."""
    found: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for id, (x, y) in at.items():
        found[round(y / 10)].append((x, id))
    return [[id for _, id in sorted(found[y])] for y in sorted(found)]


def size(picture: Picture) -> tuple[float, float]:
    root = ElementTree.fromstring(picture.render("svg"))
    width, height = (float(root.get(side, "").removesuffix("pt")) for side in ("width", "height"))
    return width, height


def steps(count: int, around: seq.Sequent | seq.FlowStep, prefix: str = "s") -> list[seq.FlowStep]:
    """Steps that are not alike, so that none are folded."""
    return [around.add_step(f"{prefix}{i:02}", delay=1 + i) for i in range(count)]


@pytest.mark.parametrize("count", [3, 25, 60])
def test_siblings_without_arrows_stand_in_rows_in_the_order_of_their_definition(count: int) -> None:
    flow = seq.Sequent("siblings", ":memory:", config=QUIET)
    steps(count, flow)
    found = rows(places(draw(flow)))
    assert [id for row in found for id in row] == [f"s{i:02}" for i in range(count)]
    width, height = size(draw(flow))
    assert width < 1200
    assert height < 1000


def test_steps_and_containers_stand_in_the_order_of_their_definition() -> None:
    flow = seq.Sequent("mixed", ":memory:", config=QUIET)
    for i in range(12):
        if i % 3:
            flow.add_step(f"leaf{i:02}", delay=i)
        else:
            steps(4, flow.add_step(f"box{i:02}"), f"in{i:02}.")
    found = rows(places(draw(flow)))
    assert len(found) > 1
    numbers = [re.findall(r"\d\d", id) for row in found for id in row]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("count", [5, 30])
def test_siblings_with_the_same_neighbours_stand_in_the_order_of_their_definition(count: int) -> None:
    picture = draw(fan(count))
    along = 0 if ranked(picture.graph).way == "TB" else 1
    at = places(picture)
    assert sorted(at, key=lambda id: at[id][along] if id.startswith("part") else -1e9)[2:] == [
        f"part{i:03}" for i in range(count)
    ]


def test_in_a_picture_that_runs_to_the_right_siblings_stand_in_the_order_of_their_definition() -> None:
    flow = seq.Sequent("right", ":memory:", config=QUIET)
    split = flow.add_step("split")
    parts = [flow.add_step(f"part{i:02}", delay=i, require=((split, seq.STEP_SUCCESS),)) for i in range(30)]
    box = flow.add_step("box", require=tuple((part, seq.STEP_SUCCESS) for part in parts))
    steps(5, box, "in")
    flow.add_step("alone0", delay=1)
    flow.add_step("alone1", delay=2)
    picture = draw(flow)
    assert ranked(picture.graph).way == "LR"
    at = places(picture)
    heights = {
        prefix: [at[id][1] for id in sorted(at) if id.startswith(prefix)] for prefix in ("part", "box/", "alone")
    }
    assert all(len(found) > 1 and found == sorted(found) for found in heights.values())


def test_many_containers_without_arrows_are_not_wider_than_a_screen_has_room_for() -> None:
    flow = seq.Sequent("boxes", ":memory:", config=QUIET)
    for i in range(12):
        steps(5, flow.add_step(f"stage{i}", delay=i))
    width, height = size(draw(flow))
    assert width < 1500
    assert 0.6 < width / height < 3


@pytest.mark.parametrize("way", ["TB", "LR"])
def test_in_a_container_steps_and_containers_stand_in_the_order_of_their_definition(way: str) -> None:
    flow = seq.Sequent("nested", ":memory:", config=QUIET)
    before: seq.FlowStep | None = None
    for i in range(8 if way == "TB" else 0):
        before = flow.add_step(f"chain{i}", delay=i, require=((before, seq.STEP_SUCCESS),) if before else ())
    outer = flow.add_step("outer")
    for i in range(5):
        around = outer if i % 2 else outer.add_step(f"box{i}")
        around.add_step(f"leaf{i}", delay=i)
    picture = draw(flow)
    assert ranked(picture.graph).way == way
    along = 0 if way == "TB" else 1
    at = {id[-1]: (round(place[1 - along] / 60), place[along]) for id, place in places(picture).items() if "leaf" in id}
    assert "".join(sorted(at, key=lambda id: at[id])) == "01234"
