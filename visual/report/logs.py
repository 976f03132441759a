"""The log files of a run's attempts, as far as they exist and fit in a page."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventcore.act.steplog import LogFolder

TAIL = 16_000  #: bytes of one file, its last
TOTAL = 2_500_000  #: bytes of all files together


class Wanted(NamedTuple):
    """An attempt whose log is asked for; `row` is the caller's name for its task."""

    row: int
    path: str
    sequence: str
    recovery: int
    try_number: int


class Log(NamedTuple):
    """What a log file says: all of it, or its end."""

    row: int
    try_number: int
    text: str
    left_out: int  #: bytes before the text


def logs_of(folder: LogFolder, wanted: Iterable[Wanted]) -> Iterator[Log]:
    """The logs that there are, in the order in which they are wanted, until the total is reached."""
    if not os.access(folder.path, os.X_OK):
        return
    left = TOTAL
    for attempt in wanted:
        found = _tail(folder.file(attempt.path, attempt.sequence, attempt.recovery, attempt.try_number))
        if found is None:
            continue
        data, left_out = found
        left -= len(data)
        if left < 0:
            return
        yield Log(attempt.row, attempt.try_number, data.decode("utf-8", "replace"), left_out)


def _tail(file: str) -> tuple[bytes, int] | None:
    """The end of a regular file, None where there is none that can be read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or not about.st_size:
            return None
        start = max(0, about.st_size - TAIL)
        return os.pread(descriptor, TAIL, start), start
    finally:
        os.close(descriptor)
