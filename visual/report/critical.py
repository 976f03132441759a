"""The critical path: the chain of tasks that determined when a run ended.

The rule: begin with the task that ended last. Go back to the task that let it start: of the moments that its
requirement asked for, the last to come where all were needed, the first to come where one was enough. Where nothing
was required, it is what its container waited for, or in a loop the iteration whose end made room. Go on until nothing
was waited for. Time between two tasks of the chain was spent on delays, resources or a free slot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from eventcore.define.tree import group_of

Leaf = Callable[[Any], "Moment | None"]


class Moment(NamedTuple):
    """When something came, and the place of the span that brought it; None where none did."""

    at: float
    span: int | None


class Span(msgspec.Struct, frozen=True):
    """A task's time; one that was skipped has none, and stands at the moment it was reached."""

    step: str  #: the kernel's name
    sequence: str
    status: str
    created: float
    started: float
    ended: float


def critical_path(last: int, before: Callable[[int], int | None]) -> list[int]:
    """The chain that ends at the span `last`, the first first; `before` tells which span let another start."""
    chain, known = [last], {last}
    while (earlier := before(chain[-1])) is not None and earlier not in known:
        chain.append(earlier)
        known.add(earlier)
    return chain[::-1]


def decisive(tree: Mapping[str, Any] | None, leaf: Leaf) -> Moment | None:
    """The moment at which a requirement came to hold, None if it never did.

    For its form see `eventcore.define.tree`; `leaf` tells when a leaf came.
    """
    if tree is None:
        return None
    group = group_of(tree)
    if group is None:
        return leaf(tree)
    came = sorted((m for part in group.parts if (m := decisive(part, leaf)) is not None), key=_at)
    return came[group.needed - 1] if len(came) >= group.needed else None


def _at(moment: Moment) -> float:
    return moment.at


def moment_of(span: Span, place: int, status: str) -> Moment | None:
    """When the span's task came to the status; None where it did not."""
    if status in ("ready", "active"):
        return Moment(span.created if status == "ready" else span.started, place)
    reached = {
        "success": ("success", "skipped"),
        "failure": ("failure",),
        "complete": ("success", "skipped", "failure"),
        "over": ("success", "skipped", "failure", "cancelled", "omitted"),
    }
    return Moment(span.ended, place) if span.status in reached[status] else None
