"""`poll`: a function that asks for something until it is there, as a step's function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from eventcore.errors import NotYet
from sequent.errors import FlowError
from sequent.language.shell import ShellCommand


class Poll:
    """Calls the function, and has the step asked again where the answer is falsy; made by `poll`."""

    def __init__(self, func: Callable[..., object], every: float) -> None:
        if not callable(func):
            raise FlowError(f"poll: {func!r} is not a function; pass the function itself, not what it returns")
        if isinstance(func, ShellCommand):
            raise FlowError("poll: the result of a command is always None; ask in a function that runs it")
        if isinstance(every, bool) or not isinstance(every, (int, float)) or not 0 < every < float("inf"):
            raise FlowError(f"poll: every must be a number of seconds above 0, not {every!r}")
        self.func = func
        self.every = float(every)

    def __repr__(self) -> str:
        return f"poll({self.func!r}, every={self.every:g})"

    @property
    def __signature__(self) -> inspect.Signature:
        """The arguments that the function takes."""
        return inspect.signature(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function's first truthy answer; raises `NotYet` for any other."""
        value = self.func(*args, **kwargs)
        return self._awaited(value) if inspect.iscoroutine(value) else self._checked(value)

    async def _awaited(self, value: Coroutine[Any, Any, Any]) -> Any:
        return self._checked(await value)

    def _checked(self, value: Any) -> Any:
        try:
            has_come = bool(value)
        except ValueError as error:  # an array of several elements
            raise FlowError(
                f"{self!r}: nobody can say whether {type(value).__qualname__} is true ({error}); return True, False or "
                "what is to be the result"
            ) from None
        if not has_come:
            raise NotYet(self.every)
        return value


def poll(function: Callable[..., object], *, every: float) -> Poll:
    """A step's function that asks for something until it is there: every so many seconds, until the answer is truthy.

    That answer is the step's result. A falsy one (None, False, 0, nothing in a list) means that it has not happened
    yet: between two asks the step takes no slot and holds no resources, nothing is recorded as a try, and the engine
    may even end. An exception is a failure, with its retries. How long to ask at most says the key `deadline` of the
    step's config.

        flow.add_step("arrived", seq.poll(find_file, every=30), args=("/in/orders.csv",))
    """
    return Poll(function, every)
