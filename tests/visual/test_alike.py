"""Folded is what has the same neighbours, and every arrow of a folded picture stands for arrows that exist."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.visual.graphs import graphs, walk
from visual.graph.alike import alike
from visual.graph.chains import chains
from visual.graph.closing import closed
from visual.graph.folding import Folds
from visual.graph.shapes import Box, Edge, Graph, Node

Item = Node | Box
MOST = st.integers(1, 3)


def naive(graph: Graph, most: int) -> set[frozenset[str]]:
    """The groups, by telling apart round by round, from the start, whatever has other things around it."""
    items = {item.id: item for item in walk(graph.root)}
    apart: set[str] = set()
    while True:
        looks = stable(graph, items, apart)
        groups = list(siblings(graph.root, looks))
        small = {id for group in groups if len(group) <= most for id in group} - apart
        if not small:
            return {frozenset(group) for group in groups if len(group) > most}
        apart |= small


def stable(graph: Graph, items: dict[str, Item], apart: set[str]) -> dict[str, Hashable]:
    around = defaultdict(list)
    for item in items.values():
        for inner in item.members if isinstance(item, Box) else ():
            around[item.id].append(("has", inner.id))
            around[inner.id].append(("in", item.id))
    for edge in set(graph.edges):
        around[edge.source].append((f"to, {edge.label}", edge.target))
        around[edge.target].append((f"from, {edge.label}", edge.source))
    looks: dict[str, Hashable] = {
        id: (type(item), item.about, id if id in apart else None) for id, item in items.items()
    }
    for _ in items:
        seen: dict[Hashable, int] = {}
        refined: dict[str, Hashable] = {}
        for id, look in looks.items():
            counts = Counter((kind, looks[other]) for kind, other in around[id])
            refined[id] = seen.setdefault((look, frozenset(counts.items())), len(seen))
        looks = refined
    return looks


def siblings(box: Box, looks: dict[str, Hashable]) -> Iterator[list[str]]:
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in box.members:
        groups[looks[item.id]].append(item)
    for group in groups.values():
        yield [item.id for item in group]
        if len(group) == 1 and isinstance(group[0], Box):
            yield from siblings(group[0], looks)


@given(graphs(), MOST)
def test_groups_are_those_of_the_naive_model(graph: Graph, most: int) -> None:
    assert {frozenset(item.id for item in group) for group in alike(graph, most)} == naive(graph, most)


@given(graphs(), MOST)
def test_every_arrow_of_a_folded_picture_stands_for_arrows_that_exist(graph: Graph, most: int) -> None:
    groups = alike(graph, most)
    inside = {f"#fold of {group[0].id}": [{one.id for one in walk(item)} for item in group] for group in groups}
    arrows = {(edge.source, edge.target, edge.label) for edge in graph.edges}
    for edge in Folds(graph, groups).arrows():
        sources, targets = (inside.get(id, [{id}]) for id in (edge.source, edge.target))
        met = [[any((s, t, edge.label) in arrows for s in one for t in other) for other in targets] for one in sources]
        forth, back = {sum(row) for row in met}, {sum(row) for row in zip(*met, strict=True)}
        assert 0 not in forth | back
        if edge.note:
            assert edge.note == " to ".join(f"{min(n)}" if len(n) == 1 else f"{min(n)}-{max(n)}" for n in (back, forth))
        else:
            assert all(all(row) for row in met)


@given(graphs(), MOST)
def test_every_arrow_is_in_the_folded_picture_or_inside_of_a_fold(graph: Graph, most: int) -> None:
    fold = {one.id: f"#fold of {group[0].id}" for group in alike(graph, most) for item in group for one in walk(item)}
    shown = {(edge.source, edge.target, edge.label) for edge in Folds(graph, alike(graph, most)).arrows()}
    for edge in graph.edges:
        source, target = fold.get(edge.source, edge.source), fold.get(edge.target, edge.target)
        assert (source, target, edge.label) in shown or (source == target and source in fold.values())


@given(graphs(), st.integers(1, 2))
def test_every_arrow_of_a_picture_with_closed_containers_stands_for_one_that_exists(graph: Graph, depth: int) -> None:
    drawn = {item.id for item in walk(closed(graph, depth).root)}
    around = {inner.id: box.id for box in walk(graph.root) if isinstance(box, Box) for inner in box.members}

    def stand_in(id: str) -> str:
        return id if id in drawn else stand_in(around[id])

    expected = {(stand_in(edge.source), stand_in(edge.target), edge.label) for edge in graph.edges}
    inside = {(box.id, box.id, label) for box in graph.root.boxes for label in ("success", "failure")}
    found = {(edge.source, edge.target, edge.label) for edge in closed(graph, depth).edges}
    assert found - expected == set()
    assert expected - found <= inside


@given(graphs(), MOST)
def test_all_arrows_of_a_row_are_within_it_but_for_one_to_its_first_and_one_from_its_last(
    graph: Graph, most: int
) -> None:
    for row in chains(graph, most):
        assert len(row) > most
        inside = {one.id: at for at, item in enumerate(row) for one in walk(item)}
        for edge in set(graph.edges):
            at = inside.get(edge.source), inside.get(edge.target)
            if at[0] is None and at[1] is not None:
                assert at[1] == 0
            elif at[0] is not None and at[1] is None:
                assert at[0] == len(row) - 1
            elif at[0] is not None and at[1] is not None:
                assert at[1] - at[0] in (0, 1)
        assert all(any(Edge(one.id, other.id, label) in graph.edges for label in ("success", "failure"))
                   for one, other in pairwise(row))  # fmt: skip


def fan_in(name: str, count: int) -> tuple[list[Item], list[Edge]]:
    parts: list[Item] = [Node(f"{name}{at}", f"{name}{at}") for at in range(count)]
    return [*parts, Node(name, name)], [Edge(part.id, name, "success") for part in parts]


def test_two_fan_ins_of_equal_shape_are_two() -> None:
    (ones, to_one), (others, to_other) = fan_in("a", 40), fan_in("b", 40)
    groups = alike(Graph(Box("root", "", members=[*ones, *others]), to_one + to_other), 30)
    assert [[item.id for item in group] for group in groups] == [[f"a{at}" for at in range(40)],
                                                                 [f"b{at}" for at in range(40)]]  # fmt: skip


def test_a_flow_of_5000_steps_in_a_row_is_looked_at_in_a_moment() -> None:
    nodes: list[Item] = [Node(str(at), str(at)) for at in range(5000)]
    graph = Graph(Box("root", "", members=nodes), [Edge(str(at), str(at + 1), "success") for at in range(4999)])
    assert alike(graph, 8) == []
    (row,) = chains(graph, 8)
    assert [row[0].id, row[-1].id] == ["1", "4998"]
