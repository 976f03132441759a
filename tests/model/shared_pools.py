"""A model of shared pools: who may have units now, said as plainly as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Needs = Mapping[str, int]


@dataclass(frozen=True)
class Asked:
    """A claim that counts in the queue; a claim is before all that were made later."""

    run: int
    key: tuple[str, str]
    needs: Needs


def taken(held: Sequence[Needs], pool: str) -> int:
    return sum(needs.get(pool, 0) for needs in held)


def can_have(asked: Sequence[Asked], number: int, held: Sequence[Needs], limits: Mapping[str, int]) -> bool:
    """Whether there are units for the claim and for each one before it that wants a pool of its own."""
    one = asked[number]
    for pool, count in one.needs.items():
        before = [n for n in range(number) if pool in asked[n].needs]
        if not all(can_have(asked, n, held, limits) for n in before):
            return False
        if taken(held, pool) + sum(asked[n].needs[pool] for n in before) + count > limits[pool]:
            return False
    return True
