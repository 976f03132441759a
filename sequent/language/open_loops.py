"""Loops of which only the work itself knows how many iterations there will be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sequent.errors import LoopError


class Stream:
    """What a loop walks as it comes; made by `stream`."""

    def __init__(self, function: Callable[..., Iterable[object]]) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"stream({getattr(self.function, '__qualname__', self.function)!s})"


def stream(function: Callable[..., Iterable[object]]) -> Stream:
    """As a `loop`: the items that a generator function yields, each asked for when an iteration may begin.

    The items are recorded as they come, so the generator may go on for ever. It runs in a thread of the engine. Where a
    run is recovered or continued, it is made anew: a function with a parameter gets the number of items that are
    recorded, and yields those behind them; one without is asked for these again, and they are passed over.

    Raises `LoopError` for what is not a function.

        def files(recorded):
            for number in itertools.count(recorded + 1):
                yield wait_for(f"{number}.csv")

        incoming = flow.add_step("incoming", loop=seq.stream(files))
    """
    if not callable(function):
        raise LoopError(
            f"stream: {function!r} is not a function; give a generator function itself (items, not items())"
        )
    return Stream(function)


def pulling(loop: Stream) -> Any:
    """The function of the step that hands over the items, and what runs it."""
    from eventcore.act.executors.streams import Pull, StreamExecutor

    return Pull(loop.function), StreamExecutor
