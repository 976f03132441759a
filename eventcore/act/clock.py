"""The contract of every clock: it tells the time, and it waits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from queue import SimpleQueue
from typing import ClassVar, TypeVar

Item = TypeVar("Item")


class Clock(ABC):
    """The time that an engine, its lease keeper and live views use; threads may share a clock.

    `now` never goes back or jumps, even if the system's time is set, so a delay of ten minutes takes ten minutes, and
    what was due stays due. Time in which the machine sleeps counts.
    """

    is_simulated: ClassVar[bool] = False  #: whether what steps take in reality is no time of this clock

    @abstractmethod
    def now(self) -> float:
        """UTC in seconds since 1970: what is recorded, and whose differences measure."""

    @abstractmethod
    def wall(self) -> float:
        """UTC as other processes read it now, to compare with what they wrote; jumps when it is set."""

    @abstractmethod
    def wait(self, inbox: SimpleQueue[Item], until: float | None, *, idle: bool = False) -> Item | None:
        """Block until something is in `inbox`, and take it; return None once `now` reaches `until`.

        If `until` is None, it waits without limit. A None put into the inbox only wakes the waiting thread, so None may
        be returned early: callers check the time again. `idle` says that nothing in progress can put something into
        the inbox, so that a simulated clock may jump to `until` at once.
        """
