"""How a run gets on that other threads cannot read, because it is kept in memory: counted from what is told of it."""

from __future__ import annotations

from eventcore.act.observer import Notice, TaskEnded, TaskStarted
from eventcore.define.status import TaskStatus
from visual.live.items import whole

NAMED = 3  #: active instances that are named


class Tally:
    """What is active, and how many instances are over; told by the engine's thread, read by another one."""

    def __init__(self) -> None:
        self._active: dict[str, float] = {}  #: since when, by `path@sequence`
        self._over: dict[TaskStatus, int] = {}

    def add(self, notice: Notice) -> None:
        """Count what the notice reports."""
        if isinstance(notice, TaskStarted):
            self._active.setdefault(f"{notice.step}@{notice.sequence}", notice.at)
        elif isinstance(notice, TaskEnded):
            self._active.pop(f"{notice.step}@{notice.sequence}", None)
            self._over[notice.status] = self._over.get(notice.status, 0) + 1

    def line(self, now: float) -> str:
        """Both in a line, what is active longest first."""
        active = list(self._active.items())
        named = [f"{name} {whole(now - since)}" for name, since in active[:NAMED]]
        if len(active) > NAMED:
            named.append(f"{len(active) - NAMED} more")
        counts = [f"{count} {status.value}" for status, count in list(self._over.items())]
        parts = (", ".join(counts), f"active: {', '.join(named)}" if named else "")
        return "; ".join(part for part in parts if part) or "running"
