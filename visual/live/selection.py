"""Which steps of a run are shown: all of a small one, of a large one those that are not well, or what is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from visual.outline import StepNode
from visual.standing import Standing

FEW = 60  #: steps that are shown whatever their state
ROOM = 40  #: steps that are shown of more, those that failed before those that are active
FAILED = ("failure", "interrupted")
ACTIVE = ("active",)
Standings = Mapping[str, Standing]


class Selection(msgspec.Struct, frozen=True):
    """Steps to be shown; the containers around them are, too."""

    paths: frozenset[str]
    counts: Mapping[str, int]  #: of all steps by state, also of those that are not shown
    omitted: Mapping[str, int] = {}  #: those that there was no room for, by state
    is_all: bool = False


def everything(nodes: Collection[StepNode], standings: Standings, unreached: Standing) -> Selection:
    """All steps."""
    paths = frozenset(node.path for top in nodes for node in top.walk())
    return Selection(paths, counts_of(nodes, standings, unreached), is_all=True)


def in_states(nodes: Collection[StepNode], standings: Standings, unreached: Standing,
              states: Collection[str]) -> Selection:  # fmt: skip
    """The steps with an instance in one of these states."""
    found = [node.path for node in _innermost(nodes, standings, unreached, states)]
    return Selection(frozenset(found), counts_of(nodes, standings, unreached))


def in_short(nodes: Collection[StepNode], standings: Standings, unreached: Standing) -> Selection:
    """All steps of a few; of many those that failed or are active, as far as there is room."""
    if sum(1 for top in nodes for _ in top.walk()) <= FEW:
        return everything(nodes, standings, unreached)
    found: dict[str, str] = {}
    for states in (FAILED, ACTIVE):
        for node in _innermost(nodes, standings, unreached, states):
            found.setdefault(node.path, states[0])
    paths = list(found)
    omitted = Counter(found[path] for path in paths[ROOM:])
    return Selection(frozenset(paths[:ROOM]), counts_of(nodes, standings, unreached), omitted)


def counts_of(nodes: Iterable[StepNode], standings: Standings, unreached: Standing) -> dict[str, int]:
    """How many steps, without the containers around them, are in which state."""
    leaves = (node for top in nodes for node in top.walk() if not node.is_container)
    return dict(Counter(standings.get(node.kernel_name, unreached).state for node in leaves))


def _innermost(nodes: Iterable[StepNode], standings: Standings, unreached: Standing,
               states: Collection[str]) -> Iterator[StepNode]:  # fmt: skip
    """The steps in these states; of containers those in which nothing inside is in them."""
    for node in nodes:
        inner = list(_innermost(node.children, standings, unreached, states))
        yield from inner
        standing = standings.get(node.kernel_name, unreached)
        if not inner and (standing.state in states or any(standing.counts.get(state) for state in states)):
            yield node


def with_containers(nodes: Iterable[StepNode], paths: Collection[str]) -> set[str]:
    """The paths, and those of all containers around them."""
    found: set[str] = set()
    for node in nodes:
        inner = with_containers(node.children, paths)
        found |= inner
        if inner or node.path in paths:
            found.add(node.path)
    return found
