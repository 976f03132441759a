"""Exceptions as text: whole for those who want to know, and in one line for lists."""

from __future__ import annotations

import traceback

from eventcore.define.codecs import NotStorableError
from eventcore.define.passwords import masked
from eventcore.errors import EventcoreError

OWN = (EventcoreError, NotStorableError)  #: errors that this project raises about what users write


def error_text(error: BaseException) -> str:
    """The exception with its class, its notes (see PEP 678) and all that it says.

    First comes the line that names the class, such as "ValueError: math domain error", without its module if the class
    is one of this project's own; then the notes; and, after an empty line, what the exception says beyond its first
    line that is not empty. Passwords of URLs are masked.
    """
    told = traceback.TracebackException(type(error), error, None)
    notes, told.__notes__ = told.__notes__ or (), None
    lines = "".join(told.format_exception_only()).strip().split("\n")
    named = [number for number, line in enumerate(lines) if line.partition(":")[0].endswith(type(error).__name__)]
    first = named[0] if named else len(lines) - 1  # a syntax error's comes after the place that it is about
    beyond = [number for number in range(first + 1, len(lines)) if lines[number].strip()]
    if beyond and lines[first].rstrip().endswith(f"{type(error).__name__}:"):  # what it says begins with empty lines
        lines[first : beyond[0] + 1] = [f"{lines[first].rstrip()} {lines[beyond[0]].strip()}"]
    if isinstance(error, OWN):
        lines[first] = lines[first].removeprefix(f"{type(error).__module__}.")
    rest = "\n".join(lines[:first] + lines[first + 1 :])
    shown = [line for note in notes for line in str(note).split("\n") if line.strip()]
    return masked("\n".join([lines[first], *shown]) + (f"\n\n{rest}" if rest.strip() else ""))


def headline(text: str) -> str:
    """What `error_text` begins with, the notes included, in one line."""
    return "; ".join(line.strip() for line in text.partition("\n\n")[0].split("\n"))
