"""Whether a run is over, so that continuing it does nothing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eventcore.define.status import Verdict
from eventcore.record import requests
from eventcore.record.rows import RunRow
from eventcore.record.store import Store


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    verdict: Verdict
    todos: int  #: how many tasks and delays are left, which nothing will come of


def ending(store: Store, row: RunRow, document: str, starts: Iterable[tuple[str, str]]) -> Ending | None:
    """How the run ended; None if it is in progress or something is new: triggers, requests, steps."""
    verdict, todos = store.ending(row)
    is_open = verdict in (Verdict.running, Verdict.pending)
    if is_open or store.unraised(row, starts) or requests.is_any_open(store.connection, row.id):
        return None
    return Ending(verdict, todos) if store.document(row, row.recovery) == document else None
