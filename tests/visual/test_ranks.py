"""What stands beside what in a picture."""

from __future__ import annotations

from visual.graph.ranks import Ranks
from visual.graph.shapes import Box, Edge, Graph, Node


def layers(box: Box, *arrows: tuple[str, str]) -> list[list[str]]:
    """The names in the layers of the outermost box."""
    graph = Graph(box, [Edge(source, target) for source, target in arrows])
    return [[item.name for item in layer] for layer in Ranks(graph).of(box)]


def box_of(name: str, *members: str, boxes: tuple[Box, ...] = ()) -> Box:
    return Box(f"#{name}", name, members=[*(Node(member, member) for member in members), *boxes])


def test_a_member_stands_behind_the_last_that_it_follows() -> None:
    arrows = [("a", "b"), ("b", "c"), ("a", "c"), ("x", "c")]
    assert layers(box_of("flow", "c", "b", "x", "a"), *arrows) == [["x", "a"], ["b"], ["c"]]


def test_an_arrow_that_ends_deeper_counts_for_the_box_it_enters() -> None:
    inner = box_of("inner", "deep", "first")
    outer = box_of("flow", "a", "b", boxes=(inner,))
    assert layers(outer, ("a", "deep"), ("first", "deep"), ("#inner", "b")) == [["a"], ["inner"], ["b"]]


def test_members_of_a_circle_stand_beside_each_other_and_what_follows_behind() -> None:
    arrows = [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("d", "d")]
    assert layers(box_of("flow", "a", "b", "c", "d"), *arrows) == [["a"], ["b", "c"], ["d"]]


def test_an_empty_box_has_no_layers() -> None:
    assert layers(box_of("flow")) == []
