"""What a running step can know about itself, and the events it may raise."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from eventcore.define.sequence import as_sequence
from eventcore.errors import NotInStepError


class Named(Protocol):
    """Anything with a name, such as an `Event`."""

    @property
    def name(self) -> str: ...


class Current(msgspec.Struct, frozen=True):
    """The running attempt, as `current()` shows it to the step's function."""

    name: str  #: the step's name; under Sequent its path
    sequence: str
    recovery: int  #: 0 in the first run, then one more with each recovery
    try_number: int  #: 1 in the first try of the task in this recovery, then one more with each retry
    run_id: str
    extras: Mapping[str, Any] = msgspec.field(default_factory=dict)  #: what a layer above adds, such as a loop's item
    raised: list[tuple[str, str | None]] = msgspec.field(default_factory=list)
    part: str = ""  #: `setup`, `teardown` or `until` where it is that of a container, and not the step itself

    @property
    def idempotency_key(self) -> str:
        """The same text in every try and recovery of this task: pass it to systems that must not act twice."""
        part = f"#{self.part}" if self.part else ""
        return f"{self.run_id}/{self.name}@{self.sequence}{part}"

    def trigger(self, event: Named | str, sequence: int | str | None = None) -> None:
        """Trigger `event` in the transaction that records this step's outcome, whatever the outcome is.

        `sequence` defaults to this step's own. An event the program does not have fails the step. Raises
        `ProgramError` for an invalid sequence.
        """
        name = event if isinstance(event, str) else event.name
        self.raised.append((name, None if sequence is None else as_sequence(sequence)))


_current: ContextVar[Current] = ContextVar("eventcore_current")


def current() -> Current:
    """Return what the running step can know about itself; raises `NotInStepError` outside a step."""
    try:
        return _current.get()
    except LookupError:
        raise NotInStepError(
            "current() works only inside a running step; call it in the step's function, not while building the flow"
        ) from None


class entered:
    """Context manager that makes `view` the answer of `current()`."""

    def __init__(self, view: Current) -> None:
        self._view = view

    def __enter__(self) -> Current:
        self._token = _current.set(self._view)
        return self._view

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
