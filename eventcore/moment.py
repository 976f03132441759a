"""Moments of this machine, by a clock that nobody sets and that counts the machine's sleep, too."""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path


def steady() -> float:
    """Seconds since some moment in the past, the same for all processes of one start of the machine."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


@cache
def this_boot() -> str | None:
    """The id of this start of the machine, the same in all its containers; None where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


#: A moment that other processes of this machine understand, too: which start of the machine, and `steady` at it. A
#: tuple, since it travels with every call.
Moment = tuple[str | None, float]


def in_future(seconds: float, since: float) -> Moment:
    """So many seconds after `since`, by the steady clock."""
    return this_boot(), since + seconds


def is_past(moment: Moment) -> bool:
    """Whether it is over; False on another machine, where nobody can tell."""
    boot, at = moment
    return steady() > at and boot == this_boot()
