"""The answer to a request that a user makes to a run."""

from __future__ import annotations

from enum import StrEnum

import msgspec

FRESH = "fresh"  #: what the argument of a request to trigger says if its sequence was left to be chosen

#: what notices and logs leave out of the arguments of requests
UNTOLD = frozenset((FRESH, "ticket", "value", "emits", "error", "recovery", "try"))


class RequestStatus(StrEnum):
    """The state of a request."""

    taken = "taken"  #: recorded; no engine has acted on it yet
    refused = "refused"  #: it cannot be done, or there is nothing to do
    done = "done"  #: it has taken effect

    def __str__(self) -> str:
        return self.value


class Answer(msgspec.Struct, frozen=True):
    """The state of a request when the caller stops waiting for it.

    `reason` says why it was refused or, if it was taken, what it is waiting for; it is None if it is done.
    `request` is its id in the store's table of requests, None until the engine of a run in memory has recorded it.
    """

    request: int | None
    run_id: str
    verb: str
    status: RequestStatus
    reason: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has taken effect."""
        return self.status is RequestStatus.done

    @property
    def is_refused(self) -> bool:
        """Whether it will have no effect."""
        return self.status is RequestStatus.refused

    def __str__(self) -> str:
        return self.status.value if self.reason is None else f"{self.status.value}: {self.reason}"
