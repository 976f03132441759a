"""Waits: what users may write for a step that waits for a signal."""

from __future__ import annotations

from typing import Final

from eventcore.define.codecs import NotStorableError
from eventcore.define.program import Wait
from eventcore.define.values import encode
from sequent.errors import FlowError

NOTHING_GIVEN: Final = object()  #: stands for a default that is not given, as None may be one


def as_wait(timeout: object, default: object, name: str) -> Wait:
    """What a wait does; raises `FlowError` naming the step."""
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and 0 < timeout < float("inf")):  # type: ignore[operator]
        raise FlowError(f"wait {name!r}: timeout must be a number of seconds above 0, not {timeout!r}")
    seconds = float(timeout) if isinstance(timeout, (int, float)) else None
    if default is NOTHING_GIVEN:
        return Wait(seconds)
    if seconds is None:
        raise FlowError(f"wait {name!r}: the default is for when no signal comes in time, so give a timeout, too")
    try:
        return Wait(seconds, True, None if default is None else encode(default))
    except NotStorableError as error:
        raise FlowError(f"wait {name!r}, default: {error}") from None
