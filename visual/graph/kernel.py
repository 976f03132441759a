"""The kernel's graph: events, steps (also those that compute loops), triggers, associations and expressions.

Scopes are boxes. How containers walk them is decided while the program runs and has no arrows.
"""

from __future__ import annotations

from collections.abc import Mapping

from eventcore.define.program import Role
from eventcore.define.stored import StoredEvent, StoredProgram, StoredStep
from eventcore.define.tree import Tree, group_of
from visual.graph.shapes import Box, Edge, Graph, Node
from visual.standing import Standing

WAITS = "waits for a signal"
_roles = {
    Role.container: "container",
    Role.items: "computes the loop",
    Role.stream: "streams the loop",
    Role.condition: "decides",
    Role.until: "ends the loop",
    Role.setup: "sets the container up",
    Role.teardown: "tears the container down",
}
_kinds = (Role.container, Role.items, Role.condition)


def kernel_graph(program: StoredProgram, title: str, standings: Mapping[str, Standing] | None,
                 unreached: Standing | None) -> Graph:  # fmt: skip
    """A stored program as the kernel sees it; ids are `step NAME`, `event NAME` and `scope NAME`."""
    graph = Graph(Box("#flow", title))
    layout = _Layout(graph, program)
    for step in program.steps:
        standing = None if standings is None else standings.get(step.name, unreached)
        layout.add_step(step, standing)
    for event in program.events:
        layout.add_event(event)
    for step in program.steps:
        for status, events in step.triggers.items():
            graph.edges += [Edge(f"step {step.name}", f"event {name}", status) for name in events]
    for link in program.associations:
        graph.edges.append(Edge(f"event {link.event}", f"{link.kind} {link.target}", "", link.delay))
    return graph


class _Layout:
    def __init__(self, graph: Graph, program: StoredProgram) -> None:
        self._graph = graph
        self._program = program
        self._scopes = {program.scopes[0].name: graph.root}
        self._junctions = 0

    def add_step(self, step: StoredStep, standing: Standing | None) -> None:
        """Draw a step into its scope's box."""
        about = [f"takes {count} of {pool}" for pool, count in step.acquires]
        if step.role in _roles:
            about.insert(0, _roles[step.role])
        if step.role is Role.wait:
            about.insert(0, WAITS)
        said, state = ((), None) if standing is None else ((standing.text,), standing.shade)
        kind = step.role.value if step.role in _kinds else "step"
        path = None if step.is_hidden else step.path
        node = Node(f"step {step.name}", step.name, kind, tuple(about), said, state, path)
        self._box(step.scope).members.append(node)

    def add_event(self, event: StoredEvent) -> None:
        """Draw an event into its scope's box, and the expression that makes it."""
        box, id = self._box(event.scope), f"event {event.name}"
        box.members.append(Node(id, event.name, "event"))
        if event.expr is not None:
            self._expression(event.expr, id, box)

    def _expression(self, tree: Tree, target: str, box: Box) -> None:
        if isinstance(tree, str):
            self._graph.edges.append(Edge(f"event {tree}", target))
            return
        group = group_of(tree)
        assert group is not None
        self._junctions += 1
        name = f"#{group.word} {self._junctions}"
        if group.is_counted:
            box.members.append(Node(name, f"{group.needed} of {len(group.parts)}", "least"))
        else:
            box.members.append(Node(name, group.word, group.word))
        self._graph.edges.append(Edge(name, target))
        for part in group.parts:
            self._expression(part, name, box)

    def _box(self, scope: str) -> Box:
        """The scope's box, in that of the scope around it."""
        if scope not in self._scopes:
            around = self._box(self._program.scope_named[scope].parent or "")
            self._scopes[scope] = Box(f"scope {scope}", f"scope {scope}")
            around.members.append(self._scopes[scope])
        return self._scopes[scope]
