"""Whether a run is paused or to be cancelled, by its requests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from eventcore.define.answer import RequestStatus
from eventcore.record.schema import requests
from eventcore.record.verbs import CANCEL, PAUSE, RESUME


def last_word(run: ColumnElement[int] | int) -> Select[Any]:
    """Selects the last of a run's requests to pause or resume that was done, by its verb."""
    is_word = requests.c.verb.in_([PAUSE, RESUME]) & (requests.c.status == RequestStatus.done.value)
    return select(requests.c.verb).where(requests.c.run == run, is_word).order_by(requests.c.id.desc()).limit(1)


def is_paused(connection: Connection, run: int) -> bool:
    """Whether the run's last request of the two was to pause."""
    return connection.execute(last_word(run)).scalar() == PAUSE


def open_cancel(run: ColumnElement[int] | int, but: int | None = None) -> Select[Any]:
    """Selects a request to cancel the run as a whole that is not answered yet, one that came before `but`."""
    is_whole = (requests.c.verb == CANCEL) & (requests.c.argument == "{}")
    found = select(requests.c.id).where(
        requests.c.run == run, is_whole, requests.c.status == RequestStatus.taken.value
    )  # fmt: skip
    return (found if but is None else found.where(requests.c.id < but)).limit(1)
