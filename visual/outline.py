"""A stored program as nested nodes and links, whichever way it was written.

For flows, the outline that the flow language stored is taken as it is. A raw program has no nesting: its steps are the
nodes, and its events stand between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Expression = Mapping[str, Any]  #: {"and": [...]}, {"or": [...]} or {"step": path, "status": status}


@dataclass(frozen=True, slots=True)
class StepNode:
    """A step or a container of the outline."""

    path: str
    name: str
    kernel_name: str  #: of the step that has its tasks; for a looped step, the one inside the loop
    loop: str | None
    concurrent: int
    delay: float
    acquires: tuple[tuple[str, int], ...]
    require: Expression | None
    children: tuple[StepNode, ...]

    @property
    def is_container(self) -> bool:
        """Whether it contains steps."""
        return bool(self.children)

    def walk(self) -> Iterator[StepNode]:
        """Itself and everything inside."""
        yield self
        for child in self.children:
            yield from child.walk()


def outline_of(document: Mapping[str, Any]) -> tuple[StepNode, ...]:
    """The nodes of a stored program, nested; for a raw program, its steps in a row."""
    if document["outline"] is not None:
        return tuple(_node(data) for data in document["outline"])
    return tuple(
        StepNode(
            path=step["path"],
            name=step["path"],
            kernel_name=step["name"],
            loop=None,
            concurrent=1,
            delay=0.0,
            acquires=tuple((pool, count) for pool, count in step["acquires"]),
            require=None,
            children=(),
        )
        for step in document["steps"]
        if not step["hidden"]
    )


def _node(data: Mapping[str, Any]) -> StepNode:
    children = tuple(_node(child) for child in data["children"])
    looped_leaf = data["loop"] is not None and not children
    return StepNode(
        path=data["path"],
        name=data["name"],
        kernel_name=f"{data['path']}#body" if looped_leaf else data["path"],
        loop=data["loop"],
        concurrent=data["concurrent"],
        delay=data["delay"],
        acquires=tuple((pool, count) for pool, count in data["acquires"]),
        require=data["require"],
        children=children,
    )
