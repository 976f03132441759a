"""Runs of a model's flow in which streams and conditions stand for loops over numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hypothesis import strategies as st

import sequent as seq
from tests.model.tree import NodeSpec, Path, TreeSpec, walk
from tests.property.flows import FlowRun


class OpenRun(FlowRun):
    """A run of a model's flow in which other kinds of loops stand for some over numbers."""

    def __init__(self, *arguments: Any, kinds: Mapping[Path, str]) -> None:
        super().__init__(*arguments)
        self.kinds = kinds
        self.asked: list[tuple[str, str]] = []

    def _add(self, parent: Any, node: NodeSpec, path: str, known: dict[str, Any]) -> None:
        super()._add(parent, node, path, known)
        if path in self.kinds:
            assert isinstance(node.loop, int)
            known[path].loop = OPEN[self.kinds[path]](node.loop)


def at_once(size: int) -> Any:
    return seq.stream(lambda: iter(range(size)))


def behind(size: int) -> Any:
    def numbers(recorded: int) -> Iterator[int]:
        yield from range(recorded, size)

    return seq.stream(numbers)


def until(size: int) -> Any:
    return seq.until(lambda: seq.current().key == str(size), limit=size)


OPEN: Mapping[str, Callable[[int], Any]] = {"stream": at_once, "stream behind": behind, "until": until}


@st.composite
def kinds(draw: st.DrawFn, tree: TreeSpec) -> dict[Path, str]:
    """What stands for the loops over numbers; a condition is asked after an iteration, and those are in a row."""
    found = {}
    for path, node in walk(tree):
        if isinstance(node.loop, int):
            may_be_until = node.loop > 0 and node.concurrent == 1
            found[path] = draw(st.sampled_from(("stream", "stream behind", *(["until"] if may_be_until else []))))
    return found
