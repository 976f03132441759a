"""The common state of several nodes that are drawn as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from visual.graph.shapes import Box, Node

NAMED = 3  #: failures that are named
LONGEST = 40  #: characters of a name among others
#: the state of all together: the first of these that one of them is in
ORDER = (
    "failure", "interrupted", "active", "ready", "failure, handled", "cancelled", "omitted", "waiting", "not reached",
    "success",
)  # fmt: skip


def counted(group: Sequence[Node | Box]) -> tuple[str | None, tuple[str, ...]]:
    """The state of all together, how many are in which state, and the names of some that failed."""
    counts = Counter(item.state for item in group if item.state is not None)
    if not counts:
        return None, ()
    words = [word for word in ORDER if counts[word]]
    said = [", ".join(f"{counts[word]} {word}" for word in words)]
    failed = [item.name for item in group if item.state == "failure"]
    if 0 < len(failed) < len(group):
        more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
        said.append(f"failed: {', '.join(map(shortened, failed[:NAMED]))}{more}")
    return words[0], tuple(said)


def shortened(name: str) -> str:
    """A name that may stand beside others; names that were generated often differ in their ends only."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[: half - 1]}…{name[-half:]}"
