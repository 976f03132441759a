"""Steering: what can be asked of a run, whether an engine works on it or not.

The shell, the page and programs all ask through `Steering`. Each request is recorded with who asked and when. The
database is imported when something is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from eventcore.decide.rerunning import Extent
from eventcore.define.answer import Answer
from eventcore.define.event import Event
from eventcore.define.passwords import withheld
from eventcore.errors import ConfigError, ProgramError, TicketError

PATIENCE = 10.0  #: seconds to wait for the answer of the run's engine

Ask = Callable[[str, Mapping[str, Any]], Answer]


class Steering:
    """Asks things of one run; made by `steer`.

    Where an engine works on the run, each method waits for the engine's answer. The answer says whether the request is
    done, was refused, and why, or is recorded and waits; nothing that had no effect is called done.
    """

    def __init__(self, run_id: str, ask: Ask) -> None:
        self.run_id = run_id
        self._ask = ask

    def pause(self) -> Answer:
        """Pause the run: nothing new starts until it is resumed; running steps continue."""
        return self._ask("pause", {})

    def resume(self) -> Answer:
        """Resume a paused run; one without an engine continues when it is continued or recovered."""
        return self._ask("resume", {})

    def cancel(self, path: str | None = None, sequence: int | str | None = None) -> Answer:
        """Cancel the run, or instances of the step at `path` (the one at `sequence`) and everything inside them.

        Raises `ConfigError` for a sequence without a path.
        """
        if path is None and sequence is not None:
            raise ConfigError(f"cancel: sequence {sequence!r} without a path; give the path of the step, too")
        return self._ask("cancel", {} if path is None else {"path": path, "sequence": _text(sequence)})

    def trigger(self, event: Event | str, sequence: int | str | None = None) -> Answer:
        """Trigger an event of the program, at a sequence or a new one."""
        name = event.name if isinstance(event, Event) else event
        return self._ask("trigger", {"event": name, "sequence": _text(sequence)})

    def rerun(self, path: str, sequence: int | str | None = None, extent: Extent = "also") -> Answer:
        """Rerun the instances of the step at `path`, or the one at `sequence`, although they have succeeded.

        An engine that works on the run does it when the run has come to its end, in a recovery; where none does, the
        next one to continue or recover the run. `extent` says what else runs: `also`, what recovery would run anyway;
        `downstream`, that and what depends on the instances; `only`, nothing. Raises `ConfigError` for another extent.
        """
        return self._ask("rerun", rerun_argument(path, sequence, extent))

    def signal(self, path: str, value: object = None, sequence: int | str | None = None) -> Answer:
        """Answer the wait at `path`, the instance at `sequence` or the only one that is waiting.

        `value` becomes the wait's result. Who answered and when is recorded. Without an engine, the one that continues
        the run sees it. Raises `NotStorableError` for a value that cannot be stored.
        """
        from eventcore.define.values import encode

        text = None if value is None else encode(value)
        return self._ask("signal", {"path": path, "sequence": _text(sequence), "value": text})

    def complete(self, ticket: str, value: object = None, *, error: str | None = None) -> Answer:
        """Complete the try that a ticket is for: with `value` as the step's result, or as a failure with `error`.

        A ticket can be used once. One that was used, whose try is over, or that was not given by the run is refused.
        Raises `TicketError` for what is no ticket of this run, and `ConfigError` where value and error are given.
        """
        return self._ask("complete", completion(self.run_id, ticket, value, error))


def complete(ticket: str, value: object = None, *, error: str | None = None, store: str | Path | None = None,
             patience: float = PATIENCE) -> Answer:  # fmt: skip
    """Complete the try that a ticket is for, see `Steering.complete`, in the store that the ticket names.

    `store` is for a store that has been moved since. Raises `TicketError` for what is no ticket, and `StoreError` where
    there is no such store or run; a run in memory is steered by the methods of its program object.

        # in a step
        ticket = eventcore.current().defer(timeout=3600)
        submit_job(notify=ticket)

        # in the program that is notified
        eventcore.complete(ticket, {"rows": 117})
    """
    from eventcore.define.ticket import read_ticket

    said = read_ticket(ticket)
    location = str(store) if store is not None else said.store
    if not location:
        raise TicketError("the ticket is of a run in memory; complete it with the program object's method `complete`")
    return steer(location, said.run_id, patience=patience).complete(ticket, value, error=error)


def emit(address: str, event: str, value: object = None, *, patience: float = PATIENCE) -> Answer:
    """Emit an event of the running step at an address, which programs that it starts find in their environment.

    Raises `ProgramError` for an event that the step does not have, and for what is no address.
    """
    import json

    from eventcore.act.lender import borrow
    from eventcore.define.values import encode

    try:
        store, run_id, path, sequence, events, lender = json.loads(address)
        known = {str(name): str(event) for name, event in events.items()}
    except (ValueError, TypeError, AttributeError):
        raise ProgramError("the variable that says which step started this program is damaged") from None
    if event not in known:
        raise ProgramError(f"step {path!r} has no event {event!r}; it has {', '.join(map(repr, known))}")
    if lender:
        borrow(store, lender)
    argument = {"event": event, "emits": known[event], "path": path, "sequence": sequence, "value": encode(value)}
    return steer(store, run_id, patience=patience)._ask("emit", argument)


def steer(store: str | Path, run_id: str | None = None, *, patience: float = PATIENCE) -> Steering:
    """What makes requests to a run: the one named by `run_id`, or the user's latest in the store.

    `store` is the path or URL of the store. `patience` is how many seconds to wait for the answer of an engine that
    works on the run. Raises `StoreError` if there is no such store or run, or if the store is in memory: a run there
    is steered by the methods of its program object.

        answer = eventcore.steer("nightly.run.db").pause()
        if answer.is_refused:
            print(answer.reason)
    """
    from eventcore.record.registry import shared_backend
    from eventcore.record.store import opened

    location = withheld(str(store))
    shared_backend(location)
    found = opened(location, create=False)
    try:
        row = found.find_run(None, run_id)
    finally:
        found.close()
    return Steering(row.run_id, asking(location, row.id, patience))


def asking(location: str, run: int, patience: float = PATIENCE) -> Ask:
    """Asks a run of a store that others can open."""

    def ask(verb: str, argument: Mapping[str, Any]) -> Answer:
        from eventcore.record.requests import ask_store

        return ask_store(location, run, verb, argument, patience)

    return ask


def rerun_argument(path: str, sequence: int | str | None, extent: Extent) -> dict[str, Any]:
    """What a rerun names; raises `ConfigError` for an unknown extent."""
    if extent not in get_args(Extent):
        raise ConfigError(f"rerun: unknown extent {extent!r}; choose one of {', '.join(get_args(Extent))}")
    return {"path": path, "sequence": _text(sequence), "extent": extent}


def completion(run_id: str, ticket: str, value: object, error: str | None) -> dict[str, Any]:
    """What a completion names; raises `TicketError` for a ticket that is not of the run."""
    from eventcore.define.ticket import digest_of, read_ticket
    from eventcore.define.values import encode

    said = read_ticket(ticket)
    if said.run_id != run_id:
        raise TicketError(f"the ticket is of run {said.run_id!r}, not of {run_id!r}")
    if value is not None and error is not None:
        raise ConfigError("complete: give a value or an error, not both")
    return {
        "path": said.path, "sequence": said.sequence, "recovery": said.recovery, "try": said.try_number,
        "ticket": digest_of(ticket), "value": None if value is None else encode(value),
        "error": error,
    }  # fmt: skip


def _text(sequence: int | str | None) -> str | None:
    return None if sequence is None else str(sequence)
