"""Folds a tree until it fits its space: first what is over, last what is running or has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from msgspec.structs import replace

from visual.live.items import Item

QUIET = ("success", "waiting", "not reached", "cancelled", "omitted")
LEAST = 3  #: so many neighbours alike are shown as one line


def fitted(items: Sequence[Item], room: int) -> tuple[Item, ...]:
    """The lines in at most `room` lines, folded no more than is needed."""
    found = tuple(items)
    for fold in (_closed_when("success"), _closed_when("waiting", "not reached", "cancelled", "omitted"), _gathered):
        if size(found) <= room:
            return found
        found = fold(found)
    for depth in range(_depth(found), 0, -1):
        if size(found) <= room:
            return found
        found = _cut(found, depth)
    return found if size(found) <= room else _chosen(found, max(1, room))


def size(items: Iterable[Item]) -> int:
    """How many lines they take."""
    return sum(item.size for item in items)


def _closed_when(*states: str) -> Callable[[tuple[Item, ...]], tuple[Item, ...]]:
    """Containers in these states closed, if everything inside is in them, too."""

    def close(items: tuple[Item, ...]) -> tuple[Item, ...]:
        return tuple(
            replace(item, children=() if _all_in(item, states) else close(item.children)) for item in items
        )  # fmt: skip

    return close


def _all_in(item: Item, states: Sequence[str]) -> bool:
    return item.state in states and all(_all_in(child, states) for child in item.children)


def _gathered(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Neighbours that are alike and quiet as one line."""
    return tuple(_groups(items))


def _groups(items: Sequence[Item]) -> Iterator[Item]:
    for state, alike in groupby(items, key=lambda item: item.state if _is_quiet(item) else None):
        group = list(alike)
        if state is None or len(group) < LEAST:
            yield from (replace(item, children=_gathered(item.children)) for item in group)
        else:
            yield _rest(group, state)


def _is_quiet(item: Item) -> bool:
    return item.state in QUIET and not item.children and "delay" not in item.about and "wait" not in item.about


def _rest(group: Sequence[Item], state: str) -> Item:
    return Item(f"{len(group)} more steps", None, state, "", None, "")


def _depth(items: Sequence[Item]) -> int:
    return max((1 + _depth(item.children) for item in items if item.children), default=0)


def _cut(items: tuple[Item, ...], depth: int) -> tuple[Item, ...]:
    """Nothing below a depth."""
    return tuple(replace(item, children=_cut(item.children, depth - 1) if depth > 1 else ()) for item in items)


def _chosen(items: Sequence[Item], room: int) -> tuple[Item, ...]:
    """As many as there is room for: what failed or is active before the rest, in their order."""
    attention = ("failure", "interrupted", "active", "ready")
    ranked = sorted(
        range(len(items)),
        key=lambda at: attention.index(items[at].state) if items[at].state in attention else len(attention),
    )
    kept = sorted(ranked[: room - 1])
    left = [items[at] for at in sorted(ranked[room - 1 :])]
    state = left[0].state if len({item.state for item in left}) == 1 else "in several states"
    return (*(items[at] for at in kept), _rest(left, state))
