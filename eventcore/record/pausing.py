"""Whether a run is paused, by its requests."""

from __future__ import annotations

from sqlalchemy import Connection, select

from eventcore.define.answer import RequestStatus
from eventcore.record.schema import requests
from eventcore.record.verbs import PAUSE, RESUME


def is_paused(connection: Connection, run: int) -> bool:
    """Whether the last word on pausing was to pause."""
    is_word = requests.c.verb.in_([PAUSE, RESUME]) & (requests.c.status == RequestStatus.done.value)
    query = select(requests.c.verb).where(requests.c.run == run, is_word).order_by(requests.c.id.desc()).limit(1)
    return connection.execute(query).scalar() == PAUSE
