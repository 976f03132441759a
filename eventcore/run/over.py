"""Whether a run is over, so that continuing it does nothing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eventcore.define.status import RunMode, Verdict
from eventcore.record import requests
from eventcore.record.rows import RunRow
from eventcore.record.store import Store
from eventcore.run.request import Request


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    verdict: Verdict
    todos: int  #: how many tasks and delays are left, which nothing will come of


def mode_for(store: Store, row: RunRow, request: Request) -> RunMode:
    """How to enter the run: one that was submitted begins, whichever way it is asked for."""
    is_new = request.mode is RunMode.recover and request.rerun is None
    return RunMode.continue_ if is_new and store.ending(row)[0] is Verdict.submitted else request.mode


def ending(store: Store, row: RunRow, document: str, starts: Iterable[tuple[str, str]]) -> Ending | None:
    """How the run ended; None if it is in progress or something is new: triggers, requests, steps."""
    verdict, todos = store.ending(row)
    if verdict.is_open or store.unraised(row, starts) or requests.is_any_open(store.connection, row.id):
        return None
    return Ending(verdict, todos) if store.document(row, row.recovery) == document else None
