"""How many instances a step will have, and how many of them have succeeded: the one way of counting for trees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from visual.outline import StepNode
from visual.standing import Standing

OVER = ("success", "skipped", "failure", "cancelled", "omitted")


def progress(standings: Mapping[str, Standing], node: StepNode, around: int | None) -> tuple[str, float | None]:
    """How many instances, of a step with a loop iterations, succeeded, as `2/3`; and the share of all that is over.

    `around` is the number of iterations in which the step stands, None where that is not known yet. The text is empty
    where there is one instance only.
    """
    total = total_of(standings, node, around)
    if total == 1 or (node.is_container and node.loop is None):
        return "", None
    standing = standings.get(node.kernel_name)
    if standing is None or (node.loop is not None and standing.progress is None):
        succeeded = over = 0
    elif standing.progress is not None:
        succeeded, over = standing.succeeded, standing.progress.over
    else:
        succeeded, over = standing.succeeded, sum(standing.counts.get(word, 0) for word in OVER)
    if standing is not None and standing.progress is not None and standing.so_far:
        return f"{succeeded}/{standing.progress.items}{standing.so_far}", None
    if total is None:
        return f"({succeeded} done)", None
    return f"{succeeded}/{total}", min(1.0, over / total) if total else None


def finished(standings: Mapping[str, Standing], nodes: Iterable[StepNode]) -> tuple[int, int | None]:
    """How many instances of steps are over, and how many there will be; None where that is not known."""
    over, total = _finished(standings, nodes, 1)
    return over, None if total is not None and over > total else total  # steps of raw programs may come again and again


def _finished(standings: Mapping[str, Standing], nodes: Iterable[StepNode],
              around: int | None) -> tuple[int, int | None]:  # fmt: skip
    over = 0
    total: int | None = 0
    for node in nodes:
        inside = total_of(standings, node, around)
        if node.is_container:
            some, all_inside = _finished(standings, node.children, inside)
        else:
            counts = standings[node.kernel_name].counts if node.kernel_name in standings else {}
            some, all_inside = sum(counts.get(word, 0) for word in OVER), inside
        over += some
        total = None if total is None or all_inside is None else total + all_inside
    return over, total


def total_of(standings: Mapping[str, Standing], node: StepNode, around: int | None) -> int | None:
    """How many times what the step contains, or the step itself, comes; None where the size of a loop is not known yet.

    Loops that have begun have as many iterations as they have items; what a loop's size is said to be counts for those
    that have not.
    """
    if node.loop is None or around is None:
        return around
    standing = standings.get(node.kernel_name)
    known = None if standing is None else standing.progress
    loops, items = (0, 0) if known is None else (known.loops, known.items)
    if standing is not None and known is not None and standing.is_open:
        return None
    if loops >= around:
        return items
    return None if node.loop.size is None else items + (around - loops) * node.loop.size
