"""The file that a program is written in, found on the stack of the code that creates it."""

from __future__ import annotations

import sys


def calling_file() -> str | None:
    """The file of the code that uses this package: the nearest caller outside eventcore and sequent."""
    frame = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in ("eventcore", "sequent"):
            file = frame.f_globals.get("__file__")
            return str(file) if file else None
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
