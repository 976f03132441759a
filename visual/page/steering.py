"""Requests from a page to a run, as JSON: checked here, then made like all other requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from eventcore.define.answer import Answer
from eventcore.record.reading import reading
from eventcore.run.steering import steer
from visual.page.topics import find_run

#: each verb, what it must name, and what it may name besides
VERBS: Mapping[str, tuple[str | None, tuple[str, ...]]] = {
    "pause": (None, ()),
    "resume": (None, ()),
    "cancel": (None, ("path", "sequence")),
    "trigger": ("event", ("sequence",)),
    "rerun": ("path", ("sequence", "extent")),
}


class RequestError(Exception):
    """The request is not one that the verb takes; the message says why."""


def asked(location: str, number: int, verb: str, named: Any) -> Answer:
    """Ask it, and wait for the answer of the run's engine where it has one.

    Raises `RequestError` for what cannot be asked, `KeyError` for a run that is not there.
    """
    arguments = _checked(verb, named)
    with reading(location) as reader:
        run_id = find_run(reader, number, time.time()).run_id
    ask: Callable[..., Answer] = getattr(steer(location, run_id), verb)
    return ask(**arguments)


def _checked(verb: str, named: Any) -> dict[str, str]:
    """What the verb takes, and nothing else."""
    if not isinstance(named, Mapping):
        raise RequestError("send a JSON object")
    needed, possible = VERBS[verb]
    given = {key: value for key, value in named.items() if value is not None}
    known = {*possible, needed}
    if unknown := given.keys() - known:
        raise RequestError(f"{verb} takes no {', '.join(sorted(unknown))}")
    if wrong := [key for key, value in given.items() if not isinstance(value, str) or not value]:
        raise RequestError(f"{verb}: {', '.join(wrong)} must be non-empty text")
    if needed is not None and needed not in given:
        raise RequestError(f"{verb} needs {needed!r}")
    return given
