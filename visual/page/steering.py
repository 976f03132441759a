"""What a page may ask of a run: it goes the way of the shell's requests, into the store, with who and when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from eventcore.define.program import EventKind
from eventcore.record import requests
from eventcore.record.reading import reading
from visual.page.topics import find_run

PATIENCE = 10.0  #: seconds to wait for the engine's answer
ENDED = ("success", "failure", "stalled", "cancelled")


class RequestError(Exception):
    """What was asked cannot be: the message says why."""


async def steered(location: str, number: int, verb: str, asked: Any) -> str:
    """Ask it and wait for the answer of the run's engine, where it has one; returns what came of it.

    Raises `RequestError` for what cannot be asked, `KeyError` for a run that is not there.
    """
    request, is_held = await run_in_threadpool(_ask, location, number, verb, asked)
    deadline = time.monotonic() + (PATIENCE if is_held else 0.0)
    while True:
        answer = await run_in_threadpool(_answer, location, request)
        if answer is not None:
            return answer
        if time.monotonic() >= deadline:
            return "recorded; " + (
                "its engine has not answered yet" if is_held else "the engine that goes on with the run will see it"
            )
        await asyncio.sleep(0.05)


def _ask(location: str, number: int, verb: str, asked: Any) -> tuple[int, bool]:
    with reading(location) as reader:
        run = find_run(reader, number, time.time())
        if verb != requests.TRIGGER and run.state in ENDED:
            raise RequestError(f"nothing to {verb}: the run has ended with {run.state}")
        argument = _argument(verb, asked)
        if verb == requests.TRIGGER:
            known = {event.name for event in reader.program(run).events if event.kind is EventKind.public}
            if argument["event"] not in known:
                raise RequestError(f"the program of the run has no event {argument['event']!r}")
            argument["sequence"] = argument["sequence"] or requests.fresh_sequence(reader.connection, run.id)
    return requests.ask(location, run.id, verb, argument, time.time()), run.is_held


def _answer(location: str, request: int) -> str | None:
    with reading(location) as reader:
        return requests.answer_of(reader.connection, request)


def _argument(verb: str, asked: Any) -> dict[str, str | None]:
    """What the verb takes, and nothing else."""
    if not isinstance(asked, Mapping):
        raise RequestError("send a JSON object")
    if not asked and verb != requests.TRIGGER:
        return {}
    subject = {requests.CANCEL: "path", requests.TRIGGER: "event"}.get(verb)
    if subject is None or asked.keys() - {subject, "sequence"}:
        raise RequestError(f"{verb} takes no {', '.join(map(str, asked.keys() - {subject, 'sequence'})) or 'argument'}")
    name, sequence = asked.get(subject), asked.get("sequence")
    if not isinstance(name, str) or not name or not isinstance(sequence, str | None):
        raise RequestError(f"{verb} takes a text {subject!r} and perhaps a text 'sequence'")
    return {subject: name, "sequence": sequence}
