"""The traceback of what a step raised, as far as it is of use."""

from __future__ import annotations

import traceback
from types import TracebackType

from eventcore.errors import EventcoreError

LIBRARY = frozenset({"eventcore", "sequent"})  #: packages whose frames tell a user nothing


def traceback_text(error: BaseException, frames: TracebackType | None) -> str | None:
    """The error with its traceback; None for an error of the library itself in which no other code had a part."""
    is_alone = error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)
    if isinstance(error, EventcoreError) and is_alone and _is_all_ours(frames):
        return None
    return "".join(traceback.format_exception(type(error), error, frames))


def _is_all_ours(frames: TracebackType | None) -> bool:
    return all(
        str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARY for frame, _ in traceback.walk_tb(frames)
    )
