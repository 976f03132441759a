"""What a running step can know about itself, and the events it may raise."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol

import msgspec

from eventcore.define.outcome import Deferred, Emission
from eventcore.define.sequence import as_sequence
from eventcore.errors import NotInStepError, ProgramError


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
    store: str = ""  #: the path or URL of the run's store; empty for one in memory
    own: Mapping[str, str] = {}  #: the events that the step may emit: the kernel's names of them by its own
    tell: Callable[[Emission], None] | None = None  #: tells the engine at once; set where the call is performed
    emitted: list[Emission] = msgspec.field(default_factory=list)  #: what can only be told at the end
    deferred: list[Deferred] = msgspec.field(default_factory=list)  #: what `defer` has noted
    part: str = ""  #: `setup`, `teardown` or `until` where it is that of a container, and not the step itself

    @property
    def idempotency_key(self) -> str:
        """The same text in every try and recovery of this task: pass it to systems that must not act twice."""
        part = f"#{self.part}" if self.part else ""
        return f"{self.run_id}/{self.name}@{self.sequence}{part}"

    def trigger(self, event: Named | str, sequence: int | str | None = None, *, now: bool = False) -> None:
        """Trigger `event` in the transaction that records this step's outcome, whatever the outcome is.

        `sequence` defaults to this step's own. With `now`, it is triggered at once, while the step runs on; nothing
        takes that back, also not a failure of the step. An event the program does not have fails the step. Raises
        `ProgramError` for an invalid sequence.
        """
        name = event if isinstance(event, str) else event.name
        at = None if sequence is None else as_sequence(sequence)
        self.raised.append((name, at))
        if now:
            self._tell(Emission(name, at, "null"))

    def emit(self, event: str, value: object = None) -> None:
        """Emit an event of this step's own, at once, with a value; a second time it changes nothing.

        Raises `ProgramError` for an event that the step does not have, and `NotStorableError` for a value that cannot
        be stored.
        """
        from eventcore.define.values import encode

        if not isinstance(event, str) or event not in self.own:
            known = f"it has {', '.join(map(repr, self.own))}" if self.own else "declare it with step.event(name)"
            raise ProgramError(f"step {self.name!r} has no event {event!r}; {known}")
        self._tell(Emission(self.own[event], None, encode(value)))

    def _tell(self, emission: Emission) -> None:
        if self.tell is None:
            self.emitted.append(emission)
        else:
            self.tell(emission)

    def defer(self, timeout: float | None = None) -> str:
        """Defer the end of this try: when the function has returned, the task stays active without a worker.

        Returns a ticket, a text to hand to whatever does the work: with it `eventcore.complete`, `sequent complete` or
        an HTTP request to `sequent serve` ends the try, once, also after restarts. What the function returns counts for
        nothing then; if it raises, the ticket is worthless. After `timeout` seconds without an answer the try has
        failed. Raises `ProgramError` for a second call and for an impossible timeout.
        """
        from eventcore.define.ticket import Ticket, digest_of, new_secret

        if self.deferred:
            raise ProgramError(f"step {self.name!r} has deferred its end already; use the ticket that it got then")
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))
                                    or not 0 < timeout < float("inf")):  # fmt: skip
            raise ProgramError(f"defer: timeout must be a number of seconds above 0, not {timeout!r}")
        ticket = Ticket(self.store, self.run_id, self.name, self.sequence, self.recovery, self.try_number,
                        new_secret()).written()  # fmt: skip
        self.deferred.append(Deferred(digest_of(ticket), None if timeout is None else float(timeout)))
        return ticket


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
