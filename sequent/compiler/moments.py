"""A flow as one directed graph: the start and end of every step, and what must come before what.

Nodes are `(path, "start")` and `(path, "end")`. Edges point from what comes first to what comes later:

- `runs`: from a step's start to its own end;
- `contains`: from a container's start to the starts of its steps, and from their ends to its end;
- `requires`: from a step's start or end to the start of one that requires a status of it;
- `refers`: the same, where nothing but a reference to its result asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import networkx as nx

from eventcore.define.status import StepStatus
from sequent.compiler.requirement import Requirement
from sequent.errors import CycleError
from sequent.language.container import Container
from sequent.language.loops import StaticLoop
from sequent.language.open_loops import Stream, Until
from sequent.language.references import ItemReference
from sequent.language.require import Clause, LevelClause, MembersClause, PreviousClause, StepEvent
from sequent.language.stand_in import FlowReference, source_of
from sequent.language.step import FlowStep, step_of

Moment: TypeAlias = tuple[str, str]
Moments: TypeAlias = "nx.DiGraph[Moment]"

START = "start"
END = "end"
_ORDER = tuple(StepStatus)


def moments(root: Container, requirements: Mapping[str, Requirement]) -> Moments:
    """The graph of a flow; raises `CycleError` if steps wait for each other."""
    graph: Moments = nx.DiGraph()
    for step in root.walk():
        path, about = step.path, _about(step)
        for at in (START, END):
            graph.add_node((path, at), at=at, **about)
        graph.add_edge((path, START), (path, END), kind="runs")
        if step.parent is not root:
            graph.add_edge((step.parent.path, START), (path, START), kind="contains")
            graph.add_edge((path, END), (step.parent.path, END), kind="contains")
    for path, requirement in requirements.items():
        _require(graph, path, requirement)
    _check_circles(graph)
    return graph


def _about(step: FlowStep) -> dict[str, Any]:
    looped = step.loop is not None
    return {
        "path": step.path,
        "name": step.name,
        "role": "container" if step.children else "body" if looped else "action",
        "scope": step.parent.path,
        "loop": _loop(step),
        "concurrent": step.concurrent,
        "delay": step.delay,
    }


def _loop(step: FlowStep) -> str | None:
    """Where the loop's items come from."""
    if step.loop is None:
        return None
    if isinstance(step.loop, StaticLoop):
        return "items"
    if isinstance(step.loop, (Stream, Until)):
        return "stream" if isinstance(step.loop, Stream) else "until"
    if not isinstance(step.loop, FlowReference):
        return "function"
    return "item" if isinstance(source_of(step.loop), ItemReference) else "result"


def _require(graph: Moments, path: str, requirement: Requirement) -> None:
    """Edges from what a step requires to its start; several clauses on one moment share an edge."""
    asked: dict[Moment, set[StepStatus]] = {}
    awaited: set[Moment] = set()  #: those that the start certainly waits for
    if not requirement.clauses:
        return
    asks_before = any(isinstance(clause, PreviousClause) for clause in requirement.clauses)
    for clause in requirement.clauses:
        for source, statuses in _waits(clause):
            asked.setdefault(source, set()).update(statuses)
            if not isinstance(clause, MembersClause) and not asks_before:
                awaited.add(source)
    for source, found in asked.items():
        graph.add_edge(
            source, (path, START), kind="refers" if source[0] in requirement.implied else "requires",
            statuses=tuple(sorted(found, key=_ORDER.index)) if len(found) > 1 else tuple(found),
            result=source[0] in requirement.results, early=source not in awaited,
        )  # fmt: skip


def _waits(clause: Clause) -> Iterator[tuple[Moment, tuple[StepStatus, ...]]]:
    """The moments that a clause speaks of, and the statuses that it asks for there."""
    if type(clause) is Clause:
        at = START if clause.status in (StepStatus.ready, StepStatus.active) else END
        yield (step_of(clause).path, at), (clause.status,)
    elif isinstance(clause, LevelClause):
        for step in clause.body:
            yield (step.path, END), (StepStatus.over,)
    elif isinstance(clause, MembersClause):
        container = step_of(clause)
        yield (container.path, END), ()
        for child in container.children.values() if container.loop is None else ():
            yield (child.path, END), (clause.status,)
    elif isinstance(clause, StepEvent):
        yield (step_of(clause).path, START), ()


def _check_circles(graph: Moments) -> None:
    """Refuse steps that wait for each other; the message lists the shortest circle from the first of them."""
    if nx.is_directed_acyclic_graph(graph):
        return
    tangle = next(found for found in nx.strongly_connected_components(graph) if len(found) > 1)
    circles: Moments = nx.DiGraph((a, b) for a, b in graph.edges if a in tangle and b in tangle)
    first = next(iter(circles))
    earlier = dict(nx.bfs_predecessors(circles, first))
    way = [first, next(moment for moment in earlier if circles.has_edge(moment, first))]
    while way[-1] != first:
        way.append(earlier[way[-1]])
    told = " -> ".join(repr(path) for path in _once(path for path, _ in reversed(way)))
    raise CycleError(f"these steps wait for each other: {told}; remove one of these requirements")


def _once(paths: Iterable[str]) -> list[str]:
    """The paths without repeats of the one before."""
    walked: list[str] = []
    for path in paths:
        if not walked or walked[-1] != path:
            walked.append(path)
    return walked
