"""What pages ask for, as JSON: checked here, then asked of the run, or begun by an engine where none is at work."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, get_args

from eventcore.decide.rerunning import Extent
from eventcore.define.answer import Answer
from eventcore.define.ticket import read_ticket
from eventcore.errors import StoreError
from eventcore.record.reading import Reader, reading
from eventcore.record.views import RunView
from eventcore.run.steering import steer
from visual.outline import flat_outline_of
from visual.page.engines import Engines, Work, program_of
from visual.page.stores import Stores
from visual.page.topics import find_run

#: each verb, what it must name, and what it may name besides
VERBS: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "pause": (None, ()),
    "resume": (None, ()),
    "cancel": (None, ("path", "sequence")),
    "trigger": ("event", ("sequence",)),
    "rerun": ("path", ("sequence", "extent")),
    "signal": ("path", ("sequence", "value")),
    "recover": (None, ()),
    "continue": (None, ()),
}
MOST_PARAMETERS = 100


class RequestError(Exception):
    """The request is not one that the verb takes, or is refused; the message says why."""


def asked(location: str, number: int, verb: str, named: Any, engines: Engines) -> str:
    """Ask it of a run, or have an engine begin it where none is at work; returns what has become of it.

    Raises `RequestError` for what is refused, `NotBegunError` where an engine could not begin, and `KeyError` for a
    run that is not there.
    """
    arguments = _checked(verb, named)
    with reading(location) as reader:
        run = find_run(reader, number, time.time())
        if verb in ("recover", "continue") or (verb == "rerun" and not run.is_held):
            work = _work(reader, run, verb, engines, **arguments)
        else:
            work = None
    if work is not None:
        return engines.begin(work)
    ask: Callable[..., Answer] = getattr(steer(location, run.run_id), verb)
    return _told(ask(**(arguments if verb != "signal" else {**arguments, "value": _json(arguments.get("value"))})))


def completed(stores: Stores, ticket: str, named: Any) -> Answer:
    """Complete the try that a ticket is for, in whichever of the stores has its run; what the ticket says of a store
    counts for nothing here.

    Raises `RequestError` for what is refused, `TicketError`, and `KeyError` where no store has the run.
    """
    if not isinstance(named, Mapping) or named.keys() - {"value", "error"}:
        raise RequestError("send a JSON object with a value or an error")
    error = named.get("error")
    if error is not None and not _is_text(error):
        raise RequestError("error must be text")
    said = read_ticket(ticket)
    for place in stores.all():
        try:
            run = steer(place.location, said.run_id)
        except StoreError:
            continue
        return run.complete(ticket, named.get("value"), error=error)
    raise KeyError(said.run_id)


def _json(text: str | None) -> Any:
    """A value that somebody typed."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        raise RequestError(f"the value {text!r:.60} is not JSON; write a text in quotes") from None


def _told(answer: Answer) -> str:
    """What has become of a request; raises `RequestError` where it is refused."""
    if answer.is_refused:
        raise RequestError(answer.reason or "refused")
    return "done" if answer.is_done else f"recorded; {answer.reason}"


def started(location: str, number: int, named: Any, engines: Engines) -> str:
    """Start a run of the program with the number, from 1, among those of a store; returns what to tell the user.

    Raises as `asked` does; `KeyError` for a program that is not there.
    """
    if not isinstance(named, Mapping) or named.keys() - {"parameters"}:
        raise RequestError("start takes a JSON object with parameters")
    programs = engines.programs(location)
    if not 1 <= number <= len(programs):
        raise KeyError(number)
    parameters = _parameters(named.get("parameters", {}))
    return engines.begin(Work("run", programs[number - 1], location, parameters=parameters))


def _work(reader: Reader, run: RunView, verb: str, engines: Engines, path: str | None = None,
          sequence: str | None = None, extent: str = "also") -> Work:  # fmt: skip
    program = program_of(run.origin, run.run_id, engines.programs(reader.location))
    if path is not None and path not in {node.path for node in flat_outline_of(reader.program(run))}:
        raise RequestError(f"the run has no step {path!r}")
    if sequence is not None and not re.fullmatch(r"[^@]{1,500}", sequence):
        raise RequestError(f"{sequence!r} is not a sequence")
    if extent not in get_args(Extent):
        raise RequestError(f"unknown extent {extent!r}; choose one of {', '.join(get_args(Extent))}")
    instance = path if sequence is None else f"{path}@{sequence}"
    return Work(verb, program, reader.location, run.run_id, instance=instance, extent=extent)


def _checked(verb: str, named: Any) -> dict[str, str]:
    """What the verb takes, and nothing else."""
    if not isinstance(named, Mapping):
        raise RequestError("send a JSON object")
    needed, possible = VERBS[verb]
    given = {key: value for key, value in named.items() if value is not None}
    known = {*possible, needed}
    if unknown := given.keys() - known:
        raise RequestError(f"{verb} takes no {', '.join(map(repr, sorted(unknown)))}")
    if wrong := [key for key, value in given.items() if not _is_text(value) or not value]:
        raise RequestError(f"{verb}: {', '.join(wrong)} must be non-empty text")
    if needed is not None and needed not in given:
        raise RequestError(f"{verb} needs {needed!r}")
    return given


def _parameters(given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or len(given) > MOST_PARAMETERS:
        raise RequestError("parameters must be a JSON object of texts")
    for name, value in given.items():
        if not name.isidentifier() or not _is_text(value):
            raise RequestError(f"parameter {name!r}: the name must be an identifier, and the value text")
    return dict(given)


def _is_text(value: Any) -> bool:
    """Whether it is text that a command line can hold."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
