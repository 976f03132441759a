"""What an engine waits for: its mailbox, and everything that can come in."""

from __future__ import annotations

from queue import SimpleQueue

import msgspec

from eventcore.act.clock import Clock
from eventcore.define.outcome import Emission, Outcome


class Ended(msgspec.Struct, frozen=True):
    """A worker is through with a call."""

    ticket: int
    outcome: Outcome


class Emitted(msgspec.Struct, frozen=True):
    """A call has emitted an event while it runs."""

    ticket: int
    emission: Emission


class Triggered(msgspec.Struct, frozen=True):
    """Somebody in this process raises an event."""

    event: str
    sequence: str


class Lost(msgspec.Struct, frozen=True):
    """The lease keeper found the lease gone."""


class Silenced(msgspec.Struct, frozen=True):
    """The lease could not be renewed for so long that another engine may have the run soon."""


class Renewed(msgspec.Struct, frozen=True):
    """The lease has been renewed after that."""


class Interrupted(msgspec.Struct, frozen=True):
    """The user pressed Ctrl-C."""


class Released(msgspec.Struct, frozen=True):
    """Somebody in this process wants the engine to leave the run once only time or a user can bring more."""


class Asked(msgspec.Struct, frozen=True):
    """Somebody recorded a request."""


class Freed(msgspec.Struct, frozen=True):
    """Units of shared pools may be free."""


Happening = Ended | Emitted | Triggered | Lost | Silenced | Renewed | Interrupted | Released | Asked | Freed


class Mailbox:
    """Takes in what happens, from any thread and from signal handlers, until the engine takes it out."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: SimpleQueue[Happening | None] = SimpleQueue()
        self.post = self._queue.put  #: tells the engine what happened

    def taken(self) -> list[Happening]:
        """Everything that has happened by now."""
        queue, taken = self._queue, list[Happening]()
        while not queue.empty():
            happening = queue.get_nowait()
            if happening is not None:
                taken.append(happening)
        return taken

    def awaited(self, until: float | None, *, idle: bool = False) -> list[Happening]:
        """Wait until something happens or it is time (see `Clock.wait`), then take everything that has happened."""
        if not self._queue.empty():
            return self.taken()
        first = self._clock.wait(self._queue, until, idle=idle)
        return self.taken() if first is None else [first, *self.taken()]
