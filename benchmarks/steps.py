"""The functions of the programs that are measured; it imports next to nothing, since workers import it."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

_stamps: list[tuple[int, int]] = []


def nothing() -> None:
    """A step that does nothing."""


def stamp() -> None:
    """A step that notes when it began and ended; in one worker, they are all kept in one list."""
    began = time.monotonic_ns()
    _stamps.append((began, time.monotonic_ns()))


def write_handovers(path: str) -> None:
    """Write the nanoseconds from the end of each noted step to the beginning of the next."""
    waits = [after[0] - before[1] for before, after in pairwise(_stamps)]
    Path(path).write_text(" ".join(map(str, waits)), encoding="ascii")
