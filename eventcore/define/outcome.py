"""How one try of a step ended: what a worker reports, what decisions are made from, and what it tells midway.

All of it is in a form that always travels: values and errors are texts, never objects.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Skipped(msgspec.Struct, frozen=True):
    """The step found that there is nothing to do for it: it raised `Skip`."""

    reason: str


class Again(msgspec.Struct, frozen=True):
    """What the step waits for has not happened yet: it is to be called again, and this was no try."""

    after: float  #: seconds


class Deferred(msgspec.Struct, frozen=True):
    """The step has begun something that ends elsewhere: whoever has the ticket tells how."""

    digest: str  #: of the ticket, see `eventcore.define.ticket`
    timeout: float | None = None  #: seconds after which the try has failed


class Emission(msgspec.Struct, frozen=True):
    """An event that the step's function has triggered, or emitted, and that is to come at once."""

    event: str  #: the kernel's name of it
    sequence: str | None  #: None for the task's own
    value: str  #: as tagged JSON


class Outcome(msgspec.Struct, frozen=True):
    """How one attempt ended."""

    ok: bool  #: True also where `instead` says that it is not over yet, or was skipped
    result: str | None = None  #: the value as tagged JSON, None for None
    files: Mapping[str, bytes] = {}  #: that the value speaks of, by their names
    error: str | None = None  #: see `eventcore.define.error_text`
    traceback: str | None = None
    is_late: bool = False  #: it is no end: the call was not begun in time, or was ended to begin again
    seconds: float | None = None  #: how long it took, without what came before the call began; None where unknown
    raised: tuple[tuple[str, str | None], ...] = ()  #: events from `current().trigger`, with their sequences
    emitted: tuple[Emission, ...] = ()  #: what could not be told before, because the executor has no way to do that
    instead: Skipped | Again | Deferred | None = None  #: what it came to instead of a success or a failure
