"""A program that has been built, with what starts it."""

from __future__ import annotations

import msgspec

from eventcore.define.program import Program


class Built(msgspec.Struct, frozen=True):
    """A program ready to run."""

    program: Program
    starts: tuple[tuple[str, str], ...]  #: events and sequences that are triggered at the start
