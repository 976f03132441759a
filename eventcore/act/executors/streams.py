"""Asks generators for their next items, each in a thread of the engine's process.

A generator lives from its first item to its last, as long as the engine does. One that is asked anew, by another engine
or after it failed, is made anew and told how many items are recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor as FuturesApi
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, ClassVar

import msgspec

from eventcore.act.envelope import Call, Tell, perform
from eventcore.act.executor import Report, Setting
from eventcore.act.executors.threads import ThreadExecutor
from eventcore.define.outcome import Outcome
from eventcore.define.values import encode


class Pull:
    """The function of the step that hands over the items of a stream; its argument is how many are recorded."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func

    @property
    def wants_number(self) -> bool:
        """Whether the generator function takes that number, too."""
        return wants_number(self.func)

    def __call__(self, recorded: int) -> list[list[Any]]:
        """The next item as a slice, or nothing behind the last one."""
        return _Source().next_of(self.func, recorded)


class _Source:
    """One generator, once it is made."""

    def __init__(self) -> None:
        self.walk: Iterator[Any] | None = None
        self.is_busy = False

    def next_of(self, function: Callable[..., Any], recorded: int) -> list[list[Any]]:
        self.is_busy = True
        try:
            if self.walk is None:
                self.walk = items_behind(function, recorded)
            for item in self.walk:
                return [[recorded + 1, 1, None, encode([item])]]
        except BaseException:
            self.walk = None
            raise
        finally:
            self.is_busy = False
        return []

    def close(self) -> None:
        """Let the generator clean up, unless it is at work."""
        if not self.is_busy and (close := getattr(self.walk, "close", None)) is not None:
            close()


def items_behind(function: Callable[..., Any], recorded: int) -> Iterator[Any]:
    """The items behind those that are recorded; a function without a parameter gives these again."""
    if wants_number(function):
        return _walked(function(recorded), function)
    walk = _walked(function(), function)
    if recorded:
        next(islice(walk, recorded - 1, recorded), None)
    return walk


def wants_number(function: Callable[..., Any]) -> bool:
    """Whether the function has a parameter, without a default, for how many items are recorded."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(one.kind in kinds and one.default is inspect.Parameter.empty for one in parameters)


def _walked(items: Any, function: Callable[..., Any]) -> Iterator[Any]:
    name = getattr(function, "__qualname__", repr(function))
    if isinstance(items, Mapping) or not hasattr(items, "__iter__"):
        raise TypeError(f"{name} returned {items!r:.100}; the function of a stream must yield items one by one")
    return iter(items)


class StreamExecutor(ThreadExecutor):
    """For streams alone; a generator that has not answered when the engine ends is left behind."""

    keeps_time: ClassVar[bool] = False

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._sources: dict[tuple[str, str], _Source] = {}

    def close(self) -> None:
        """Give up what was asked, and let the other generators clean up."""
        super().close()
        sources, self._sources = self._sources, {}
        for source in sources.values():
            with suppress(Exception):
                source.close()

    def _submit(self, pool: FuturesApi, call: Call, tell: Tell) -> Future[Outcome]:
        key = call.view.name, call.view.sequence
        source = self._sources.get(key)
        if source is None or source.is_busy:  # one that is busy was given up
            source = self._sources[key] = _Source()
        function = partial(source.next_of, call.function.func, *call.args)  # type: ignore[attr-defined]
        return pool.submit(perform, msgspec.structs.replace(call, function=function, args=()), tell)
