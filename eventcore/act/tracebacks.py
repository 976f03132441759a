"""The traceback of what a step raised, as far as it is of use."""

from __future__ import annotations

import traceback
from types import TracebackType

from eventcore.define.error_text import OWN
from eventcore.define.passwords import masked

LIBRARY = frozenset({"eventcore", "sequent", "visual"})  #: packages whose frames tell a user nothing


def traceback_text(error: BaseException, frames: TracebackType | None) -> str | None:
    """The error with its traceback from the user's code on; None for an error of our own in which that had no part."""
    users = frames
    while users is not None and _is_ours(users):
        users = users.tb_next
    is_alone = error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)
    if users is None and is_alone and isinstance(error, OWN):
        return None
    return masked("".join(traceback.format_exception(type(error), error, users or frames)))


def _is_ours(trace: TracebackType) -> bool:
    return str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] in LIBRARY
