"""What users may write under `setup` and `teardown`: a function, or a tuple of one and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from eventcore.define.stored import function_name
from sequent.errors import FlowError

#: a function without arguments, or a tuple of a function and its arguments, which may be references
Around: TypeAlias = "Callable[[], object] | tuple[Callable[..., object], *tuple[object, ...]]"


class AroundCall(msgspec.Struct, frozen=True):
    """A setup or a teardown: its function and its arguments."""

    func: Callable[..., object]
    args: tuple[Any, ...]


def around_call(written: Around, what: str) -> AroundCall:
    """The call that is written; raises `FlowError`, whose message begins with `what`."""
    func, *args = written if isinstance(written, tuple) and written else (written,)
    if not callable(func):
        raise FlowError(
            f"{what}: {written!r} is not a function; give a function, or a tuple: (function, argument, ...)"
        )
    return AroundCall(func, tuple(args))


def around_a_plain_step(path: str, calls: Mapping[str, AroundCall]) -> FlowError:
    """The error for a step with neither steps nor a loop."""
    what, call = next(iter(calls.items()))
    return FlowError(
        f"step {path!r}: {what} is for containers, and this step has neither steps nor a loop; call "
        f"{function_name(call.func)} in the step's function, or add the function as a step inside this one"
    )
