"""Capturing a program instead of running it: how the shell gets the program that a script builds.

While a capture is in force, the first program whose `run` is called is handed over, and the script that called it is
left through `Captured` instead of running it there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn


class Captured(BaseException):
    """Leaves the script; not an `Exception`, so that a script's own handlers let it pass."""


class Capture:
    """Waits for a program; `file` is the script that is being loaded, `origin` how to load it again."""

    def __init__(self, file: Path | None, origin: str | None) -> None:
        self.file = file
        self.origin = origin
        self.program: Any = None

    def take(self, program: Any) -> NoReturn:
        """Keep the program and leave the script."""
        self.program = program
        raise Captured


_capture: ContextVar[Capture | None] = ContextVar("eventcore_capture", default=None)


def current_capture() -> Capture | None:
    """The capture in force, if any."""
    return _capture.get()


@contextmanager
def capturing(file: Path | None, origin: str | None = None) -> Iterator[Capture]:
    """Put a capture in force; the code inside leaves quietly once it has a program."""
    capture = Capture(file, origin)
    token = _capture.set(capture)
    try:
        yield capture
    except Captured:
        pass
    finally:
        _capture.reset(token)
