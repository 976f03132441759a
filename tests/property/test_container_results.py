"""`container.results(step)` in random nests of loops, compared with a walk over what the loops were written as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import sequent as seq
from tests.support import flow

#: of a container: how many items, those of a mapping by their keys, or no loop at all
levels = st.lists(st.none() | st.integers(0, 3) | st.lists(st.sampled_from("abcd"), unique=True, max_size=3).map(tuple),
                  min_size=1, max_size=4)  # fmt: skip
Level = int | tuple[str, ...] | None


def keys_of(level: Level) -> Sequence[str]:
    """The keys of a loop's iterations."""
    return (
        [str(number + 1) for number in range(level)] if isinstance(level, int) else ("1",) if level is None else level
    )


def all_of(nest: Sequence[Level], at: tuple[str, ...], upto: str | None = None) -> Any:
    """What the step that returns its keys returns in all iterations, or in those of the first loop before a key."""
    if not nest:
        return list(at)
    keys = keys_of(nest[0])
    found = {key: all_of(nest[1:], (*at, key)) for key in (keys if upto is None else keys[: keys.index(upto)])}
    if nest[0] is None:
        [only] = found.values()
        return only
    return list(found.values()) if isinstance(nest[0], int) else found


def iterations(nest: Sequence[Level], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The keys of all iterations of the innermost loop."""
    if not nest:
        yield at
        return
    for key in keys_of(nest[0]):
        yield from iterations(nest[1:], (*at, key))


@given(levels, st.data())
def test_the_results_of_all_and_of_earlier_iterations(nest: list[Level], data: st.DataObject) -> None:
    made = flow()
    around: Any = made
    containers: list[Any] = []
    for level in nest:
        loop = None if level is None else range(level) if isinstance(level, int) else dict.fromkeys(level, 0)
        around = around.add_step(f"c{len(containers)}", loop=loop)
        containers.append(around)
    step = around.add_step("step", lambda: seq.current().sequence.split(".")[1:])
    depth = data.draw(st.integers(0, len(nest) - 1))
    asked = containers[depth]
    outside = asked.parent.add_step("outside", lambda got: got, args=(asked.results(step),))
    if asked.loop is not None:
        around.add_step("inside", lambda got: got, args=(asked.results(step),), require=((step, seq.STEP_SUCCESS),))
    assert made()
    assert made.results(outside) == {
        ".".join(("1", *at)): all_of(nest[depth:], at) for at in iterations(nest[:depth])
    }  # fmt: skip
    if asked.loop is not None:
        assert made.results(around.children["inside"]) == {
            ".".join(("1", *at)): all_of(nest[depth:], at[:depth], at[depth]) for at in iterations(nest)
        }  # fmt: skip
