"""Processes of this machine: whether one runs, whether it is the one that is meant, and since when."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Process(msgspec.Struct, frozen=True):
    """A process that runs; as much of it as can be seen."""

    started: str = ""  #: when, in the system's own units; empty where that cannot be seen
    is_stopped: bool = False  #: by a signal or a debugger: it does nothing until it is told to go on

    def may_be(self, started: str) -> bool:
        """Whether it can be the process of the same number that started then."""
        return not (self.started and started) or self.started == started


def found_process(pid: int) -> Process | None:
    """The process of that number; None where none runs.

    Where processes of other users are hidden (`/proc` mounted with `hidepid`), it is still told that they run.
    """
    if not 0 < pid < 2**31:  # as a damaged store may say; a signal to 0 or below would be to several
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Process() if _can_be_signalled(pid) else None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in ("Z", "X") else Process(fields[18], state in ("T", "t"))


def _can_be_signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def this_namespace() -> str | None:
    """The namespace in which this process sees the numbers of others; None where the system has none."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115  it leads to no path
    except OSError:
        return None
