"""The kernel's graph: events, steps (control steps and hidden ones, too), triggers, associations and expressions.

Scopes are boxes. What a control step raises by itself is decided while it runs and has no arrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visual.graph.shapes import Box, Edge, Graph, Node
from visual.standing import Standing


def kernel_graph(document: Mapping[str, Any], title: str, standings: Mapping[str, Standing] | None,
                 unreached: Standing | None) -> Graph:  # fmt: skip
    """A stored program as the kernel sees it; ids are `step NAME`, `event NAME` and `scope NAME`."""
    graph = Graph(Box("#flow", title))
    layout = _Layout(graph)
    for step in document["steps"]:
        standing = None if standings is None else standings.get(step["name"], unreached)
        layout.add_step(step, standing)
    for event in document["events"]:
        layout.add_event(event)
    for step in document["steps"]:
        for status, events in step["triggers"].items():
            graph.edges += [Edge(f"step {step['name']}", f"event {name}", status) for name in events]
    for link in document["associations"]:
        graph.edges.append(Edge(f"event {link['event']}", f"{link['to']} {link['target']}", "", link["delay"]))
    return graph


class _Layout:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._scopes = {"": graph.root}
        self._junctions = 0

    def add_step(self, step: Mapping[str, Any], standing: Standing | None) -> None:
        """Draw a step into its scope's box."""
        about = [f"takes {count} of {pool}" for pool, count in step["acquires"]]
        if step["control"]:
            about.insert(0, "hidden control" if step["hidden"] else "control")
        said, state = ((), None) if standing is None else ((standing.text,), standing.state)
        kind = "control" if step["control"] else "step"
        node = Node(f"step {step['name']}", step["name"], kind, tuple(about), said, state)
        self._box(step["scope"]).nodes.append(node)

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Draw an event into its scope's box, and the expression that makes it."""
        box, id = self._box(event["scope"]), f"event {event['name']}"
        box.nodes.append(Node(id, event["name"], "event"))
        if event["expr"] is not None:
            self._expression(event["expr"], id, box)

    def _expression(self, tree: Any, target: str, box: Box) -> None:
        if isinstance(tree, str):
            self._graph.edges.append(Edge(f"event {tree}", target))
            return
        word, parts = next(iter(tree.items()))
        self._junctions += 1
        name = f"#{word} {self._junctions}"
        box.nodes.append(Node(name, word, word))
        self._graph.edges.append(Edge(name, target))
        for part in parts:
            self._expression(part, name, box)

    def _box(self, scope: str) -> Box:
        """The scope's box, in that of the scope around it."""
        if scope not in self._scopes:
            around = self._box(scope.rpartition("/")[0])
            self._scopes[scope] = Box(f"scope {scope}", f"scope {scope}")
            around.boxes.append(self._scopes[scope])
        return self._scopes[scope]
