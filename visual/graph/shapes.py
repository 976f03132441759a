"""What pictures are made of: nodes, boxes around them, and arrows between both."""

from __future__ import annotations

import msgspec

JUNCTIONS = ("and", "or", "least")  #: kinds of nodes at which arrows meet


class Node(msgspec.Struct, frozen=True):
    """Something to draw, with its text in three parts: what it is called, what it is, and how it stands."""

    id: str
    name: str
    kind: str = "step"  #: step, container, items, condition, event, and, or, least; fold for several alike in one
    about: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    state: str | None = None
    path: str | None = None  #: of the step that it stands for, as users see it

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
    path: str | None = None
    members: list[Node | Box] = []  #: what is directly inside, in the order of its definition

    @property
    def lines(self) -> tuple[str, ...]:
        """All its text."""
        return (self.name, *self.about, *self.said)

    @property
    def nodes(self) -> list[Node]:
        """The nodes directly inside."""
        return [member for member in self.members if isinstance(member, Node)]

    @property
    def boxes(self) -> list[Box]:
        """The boxes directly inside."""
        return [member for member in self.members if isinstance(member, Box)]

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
    is_earlier: bool = False  #: from an earlier iteration of a loop, so that it may point backwards
    note: str = ""  #: between several that are drawn as one, how many meet how many: `1 to 1`

    def text(self, *, is_labelled: bool) -> str:
        """What is written at it."""
        words = [self.label if is_labelled else "", f"after {self.delay:g} s" if self.delay else "", self.note]
        return ", ".join(word for word in words if word)


class Graph(msgspec.Struct):
    """Everything in a picture."""

    root: Box
    edges: list[Edge] = []

    @property
    def is_labelled(self) -> bool:
        """Whether arrows say what they are for: where all are for success, that goes without saying."""
        return any(edge.label not in ("", "success") for edge in self.edges)
