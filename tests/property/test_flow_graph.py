"""The graph of random flows says of each step what a walk through the requirements finds, one by one."""

from collections.abc import Iterator

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventcore.define.status import RunMode, StepStatus
from eventcore.record.store import Store
from sequent.compiler.graph import FlowGraph
from tests.model import strategies
from tests.model.kernel import atoms
from tests.model.tree import Clause, NodeSpec, TreeSpec
from tests.property.flows import FlowRun
from tests.property.reading import store_at


@pytest.fixture(scope="module")
def memory() -> Iterator[Store]:
    with store_at(":memory:") as store:
        yield store


class Walk:
    """Follows requirements and containers back from a step, without a graph."""

    def __init__(self, tree: TreeSpec) -> None:
        self.nodes: dict[str, NodeSpec] = {}
        self._enter(tree.children, "")

    def _enter(self, nodes: tuple[NodeSpec, ...], around: str) -> None:
        for node in nodes:
            path = f"{around}/{node.name}".lstrip("/")
            self.nodes[path] = node
            self._enter(node.children, path)

    def clauses(self, path: str) -> list[Clause]:
        """What the step's requirement speaks of."""
        require = self.nodes[path].require
        return [] if require is None else list(atoms(require))

    def before_start(self, path: str) -> set[tuple[str, str]]:
        """What must have come before the step starts."""
        found: set[tuple[str, str]] = set()
        if container := path.rpartition("/")[0]:
            found |= {(container, "start")} | self.before_start(container)
        for clause in self.clauses(path):
            if clause.status in (StepStatus.ready, StepStatus.active):
                found |= {(clause.path, "start")} | self.before_start(clause.path)
            else:
                found |= {(clause.path, "end")} | self.before_end(clause.path)
        return found

    def before_end(self, path: str) -> set[tuple[str, str]]:
        """What must have come before the step is over."""
        found = {(path, "start")} | self.before_start(path)
        for child in self.nodes[path].children:
            inner = f"{path}/{child.name}"
            found |= {(inner, "end")} | self.before_end(inner)
        return found

    def followed(self, path: str) -> str | None:
        """The step whose end is all that the step waits for."""
        asked = {clause.path for clause in self.clauses(path)}
        ends = all(clause.status not in (StepStatus.ready, StepStatus.active) for clause in self.clauses(path))
        return asked.pop() if len(asked) == 1 and ends else None

    def may_break(self, path: str) -> bool:
        """Whether a failure that no clause speaks of can come up in the container, or in one around it."""
        handled = {
            clause.path
            for name in self.nodes
            for clause in self.clauses(name)
            if clause.status in (StepStatus.failure, StepStatus.complete)
        }
        node, around = self.nodes[path], path.rpartition("/")[0]
        looped = node.loop is not None and not node.children
        inside = [f"{path}/{child.name}" for child in node.children] or ([path] if looped else [])
        return any(name not in handled for name in inside) or (around != "" and self.may_break(around))

    def depended_on(self) -> set[str]:
        """The steps in containers, and all that these require, step by step."""
        found: set[str] = set()
        agenda = [path for path in self.nodes if "/" in path]
        while agenda:
            path = agenda.pop()
            if path not in found:
                found.add(path)
                agenda += [clause.path for clause in self.clauses(path)]
        return found


@given(st.data())
def test_the_ancestors_of_a_step_are_what_a_walk_through_the_requirements_finds(
    memory: Store, data: st.DataObject
) -> None:
    tree = data.draw(strategies.trees())
    graph = FlowRun(tree, strategies.FailingLeaves(), memory).built(RunMode.restart).graph()
    walk = Walk(tree)
    assert set(graph) == {(path, at) for path in walk.nodes for at in ("start", "end")}
    for path in walk.nodes:
        assert nx.ancestors(graph, (path, "start")) == walk.before_start(path)
        assert nx.ancestors(graph, (path, "end")) == walk.before_end(path)


@given(st.data(), st.booleans())
def test_what_the_compiler_reads_off_the_graph_is_what_a_walk_finds(
    memory: Store, data: st.DataObject, stop: bool
) -> None:
    tree = data.draw(strategies.trees(stop=stop))
    flow = FlowRun(tree, strategies.FailingLeaves(), memory).built(RunMode.restart)
    graph, walk = FlowGraph(flow, lambda _: stop), Walk(tree)
    assert graph.voidable == walk.depended_on()
    assert graph.never_asked == {
        (clause.path, clause.status) for path in walk.depended_on() for clause in walk.clauses(path)
    }
    assert graph.asked == {(clause.path, clause.status) for path in walk.nodes for clause in walk.clauses(path)}


@given(st.data(), st.booleans())
def test_an_iteration_waits_for_every_child_that_no_sibling_waits_for_alone(
    memory: Store, data: st.DataObject, stop: bool
) -> None:
    tree = data.draw(strategies.trees(stop=stop))
    flow = FlowRun(tree, strategies.FailingLeaves(), memory).built(RunMode.restart)
    graph, walk = FlowGraph(flow, lambda _: stop), Walk(tree)
    for path, node in walk.nodes.items():
        if not node.children and node.loop is None:
            continue
        children = [f"{path}/{child.name}" for child in node.children]
        followed = {walk.followed(child) for child in children}
        halted = stop and walk.may_break(path)
        assert graph.can_be_halted(graph.steps[path]) is halted
        closing = [step.path for step in graph.closing_children(graph.steps[path])]
        assert closing == [child for child in children if halted or child not in followed]
