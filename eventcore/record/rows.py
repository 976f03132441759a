"""A run as engines know it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the store lists it."""

    id: int
    run_id: str
    program: str
    recovery: int
    source: str | None
