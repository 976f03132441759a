"""Loops of which only the work itself knows how many iterations there will be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from eventcore.define.reference import Reference
from sequent.errors import LoopError


class Until:
    """What a loop does that goes on until a condition holds; made by `until`."""

    def __init__(self, condition: Callable[[], object] | Reference | None, limit: int) -> None:
        self.condition = condition
        self.limit = limit

    def __repr__(self) -> str:
        return f"until({name_of(self.condition)}, limit={self.limit})"

    def when(self, condition: Callable[[], object] | Reference) -> Until:
        """Say what the condition is, where it refers to results of steps that are added later."""
        self.condition = _checked_condition(condition)
        return self


def until(condition: Callable[[], object] | Reference | None = None, limit: int = 100) -> Until:
    """As a `loop`: iterations 1, 2 and so on, one after the other, until the condition holds after one of them.

    `condition` is a function without arguments, which is called when all steps of an iteration have succeeded, or a
    reference to the result of a step inside or a comparison of results, which `when` takes as soon as there are those
    steps. A loop that reaches `limit` iterations without it fails. Raises `LoopError` for another condition, and
    for a limit below 1.

        poll = flow.add_step("poll", ask, loop=seq.until(is_done, limit=20))
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise LoopError(f"until: limit must be a number of iterations, 1 or more, not {limit!r}")
    return Until(None if condition is None else _checked_condition(condition), limit)


def _checked_condition(condition: Callable[[], object] | Reference) -> Callable[[], object] | Reference:
    if isinstance(condition, Reference) or callable(condition):
        return condition
    raise LoopError(
        f"until: {condition!r} is no condition; give a function without arguments (is_done, not is_done()), or a "
        "reference to the result of a step inside"
    )


def name_of(condition: object) -> str:
    """A condition in words."""
    if isinstance(condition, Reference):
        return repr(condition)
    return str(getattr(condition, "__qualname__", condition))


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
