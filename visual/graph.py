"""A program, and perhaps a run of it, as nodes, boxes and arrows: what every kind of picture is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from visual.outline import StepNode, outline_of
from visual.standing import Standing


@dataclass(frozen=True, slots=True)
class Node:
    """Something to draw: a step, a junction (and, or) or an event."""

    id: str
    lines: tuple[str, ...]
    kind: str = "step"  #: step, junction or event
    state: str | None = None


@dataclass(slots=True)
class Box:
    """A container, or the whole picture."""

    id: str
    lines: tuple[str, ...]
    state: str | None = None
    nodes: list[Node] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow; `source` and `target` are ids of nodes or boxes."""

    source: str
    target: str
    label: str = ""
    delay: float = 0.0


@dataclass(slots=True)
class Graph:
    """Everything in a picture."""

    root: Box
    edges: list[Edge] = field(default_factory=list)


def graph_of(document: Mapping[str, Any], title: str, standings: Mapping[str, Standing] | None = None,
             unreached: Standing | None = None) -> Graph:  # fmt: skip
    """Lay a stored program out; with `standings`, keyed by the kernel's step names, as a run of it stands."""
    graph = Graph(Box("flow", (title,)))
    layout = _Layout(graph, standings, unreached)
    if document["outline"] is None:
        layout.add_kernel(document)
    else:
        for node in outline_of(document):
            layout.add(node, graph.root)
    return graph


class _Layout:
    def __init__(self, graph: Graph, standings: Mapping[str, Standing] | None, unreached: Standing | None) -> None:
        self._graph = graph
        self._standings = standings
        self._unreached = unreached
        self._junctions = 0

    def add(self, step: StepNode, box: Box) -> None:
        """Draw a step of a flow into its container's box, and what it requires."""
        standing = self._standing(step.kernel_name)
        lines = [step.name, *_about(step)]
        if standing is not None:
            lines.append(standing.text)
        state = None if standing is None else standing.state
        if step.is_container:
            inner = Box(step.path, tuple(lines), state)
            box.boxes.append(inner)
            for child in step.children:
                self.add(child, inner)
        else:
            box.nodes.append(Node(step.path, tuple(lines), "step", state))
        if step.require is not None:
            self._require(step.require, step.path, box, step.delay)

    def add_kernel(self, document: Mapping[str, Any]) -> None:
        """Draw a raw program: steps and events, with triggers and associations between them."""
        box = self._graph.root
        for step in outline_of(document):
            standing = self._standing(step.kernel_name)
            lines = [step.name, *_about(step), *([standing.text] if standing else [])]
            box.nodes.append(
                Node(f"step {step.kernel_name}", tuple(lines), "step", standing.state if standing else None)
            )
        for event in document["events"]:
            box.nodes.append(Node(f"event {event['name']}", (event["name"],), "event"))
            if event["expr"] is not None:
                self._expression(event["expr"], f"event {event['name']}", box)
        for step_data in document["steps"]:
            for status, events in step_data["triggers"].items():
                for name in events:
                    self._graph.edges.append(Edge(f"step {step_data['name']}", f"event {name}", status))
        for link in document["associations"]:
            target = f"{link['to']} {link['target']}"
            self._graph.edges.append(Edge(f"event {link['event']}", target, "", link["delay"]))

    def _standing(self, kernel_name: str) -> Standing | None:
        if self._standings is None:
            return None
        return self._standings.get(kernel_name, self._unreached)

    def _require(self, tree: Mapping[str, Any], target: str, box: Box, delay: float) -> None:
        """A conjunction at the top is one arrow for each part; what is nested gets a junction of its own."""
        for part in tree.get("and", [tree]):
            if "step" in part:
                self._graph.edges.append(Edge(part["step"], target, part["status"], delay))
            else:
                junction = self._junction(next(iter(part)), box)
                self._graph.edges.append(Edge(junction, target, "", delay))
                for inner in next(iter(part.values())):
                    self._nested(inner, junction, box)

    def _nested(self, tree: Mapping[str, Any], target: str, box: Box) -> None:
        if "step" in tree:
            self._graph.edges.append(Edge(tree["step"], target, tree["status"]))
            return
        junction = self._junction(next(iter(tree)), box)
        self._graph.edges.append(Edge(junction, target))
        for inner in next(iter(tree.values())):
            self._nested(inner, junction, box)

    def _expression(self, tree: Any, target: str, box: Box) -> None:
        if isinstance(tree, str):
            self._graph.edges.append(Edge(f"event {tree}", target))
            return
        word, parts = next(iter(tree.items()))
        junction = self._junction(word, box)
        self._graph.edges.append(Edge(junction, target))
        for part in parts:
            self._expression(part, junction, box)

    def _junction(self, word: str, box: Box) -> str:
        self._junctions += 1
        name = f"{word} {self._junctions}"
        box.nodes.append(Node(name, (word,), "junction"))
        return name


def _about(step: StepNode) -> list[str]:
    lines = []
    if step.loop is not None:
        lines.append(f"loop: {step.loop}" + (f", {step.concurrent} at once" if step.concurrent > 1 else ""))
    if step.delay and step.require is None:
        lines.append(f"after {step.delay:g} s")
    lines += [f"takes {count} of {pool}" for pool, count in step.acquires]
    return lines
