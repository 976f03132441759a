"""A run as engines know it."""

from __future__ import annotations

import msgspec


class RunRow(msgspec.Struct, frozen=True):
    """A run as the store lists it."""

    id: int
    run_id: str
    program: str
    recovery: int
    source: str | None
    turn: int = 0  #: how far its turns are counted
