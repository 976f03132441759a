"""Who gets shared units next, of all runs: the claims in the order in which they were made, each whole or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec


class Wanted(msgspec.Struct, frozen=True):
    """A claim as it stands in the store."""

    run: int
    key: tuple[str, str]  #: step and sequence
    needs: Mapping[int, int]  #: how many units, by the numbers of pools
    place: int  #: in the queue: the least goes first


def allotted(free: Mapping[int, int | None], wanted: Iterable[Wanted]) -> list[Wanted]:
    """The claims that can be granted now; `free` has the units of each pool, None for one that never runs out.

    What waits keeps later claims from all of its pools, so that units gather for it.
    """
    left, closed, found = dict(free), set[int](), list[Wanted]()
    for one in sorted(wanted, key=lambda one: (one.place, one.run, one.key)):
        units = ((left[pool], count) for pool, count in one.needs.items())
        if closed.isdisjoint(one.needs) and all(there is None or count <= there for there, count in units):
            found.append(one)
            for pool, count in one.needs.items():
                there = left[pool]
                left[pool] = None if there is None else there - count
        else:
            closed.update(one.needs)
    return found
