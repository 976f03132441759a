"""What pictures are made of: nodes, boxes around them, and arrows between both."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Node(msgspec.Struct, frozen=True):
    """Something to draw, with its text in three parts: what it is called, what it is, and how it stands."""

    id: str
    name: str
    kind: str = "step"  #: step, container, items, event, and, or; fold for several alike in one
    about: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    state: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """All its text."""
        return (self.name, *self.about, *self.said)


class Box(msgspec.Struct):
    """A container or a scope, or the whole picture; its text has the same parts as a node's."""

    id: str
    name: str
    about: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    state: str | None = None
    nodes: list[Node] = []
    boxes: list[Box] = []

    @property
    def lines(self) -> tuple[str, ...]:
        """All its text."""
        return (self.name, *self.about, *self.said)

    @property
    def members(self) -> Iterator[Node | Box]:
        """What is directly inside."""
        yield from self.nodes
        yield from self.boxes

    @property
    def size(self) -> int:
        """The nodes inside, at any depth."""
        return len(self.nodes) + sum(box.size for box in self.boxes)

    @property
    def depth(self) -> int:
        """How many boxes are in one another inside."""
        return max((1 + box.depth for box in self.boxes), default=0)


class Edge(msgspec.Struct, frozen=True):
    """An arrow; `source` and `target` are ids of nodes or boxes."""

    source: str
    target: str
    label: str = ""
    delay: float = 0.0

    @property
    def text(self) -> str:
        """What is written at it."""
        return " ".join(part for part in (self.label, f"after {self.delay:g} s" if self.delay else "") if part)


class Graph(msgspec.Struct):
    """Everything in a picture."""

    root: Box
    edges: list[Edge] = []
