"""What a run waits for, apart from its steps: pending delays, and a pause by a user."""

from __future__ import annotations

from sqlalchemy import select

from eventcore.define.answer import RequestStatus
from eventcore.record import schema as t
from eventcore.record.reading import Reader
from eventcore.record.verbs import PAUSE
from eventcore.record.views import DelayView, RunView


def pending_delays(reader: Reader, run: RunView) -> list[DelayView]:
    """The delays on their way, the next one first."""
    delays = t.delays
    columns = (delays.c[name] for name in ("event", "kind", "target", "sequence", "due"))
    query = (
        select(*columns)
        .where(delays.c.run == run.id, delays.c.recovery == run.recovery, delays.c.over == 0)
        .order_by(delays.c.due)
    )
    return [DelayView(*row) for row in reader.connection.execute(query)]


def last_pause(reader: Reader, run: RunView) -> tuple[str, float] | None:
    """Who paused the run last, and when in UTC seconds; None where nobody did."""
    asked = t.requests
    query = (
        select(asked.c.asked_by, asked.c.asked_at)
        .where(asked.c.run == run.id, asked.c.verb == PAUSE, asked.c.status == RequestStatus.done.value)
        .order_by(asked.c.id.desc())
    )
    row = reader.connection.execute(query.limit(1)).first()
    return None if row is None else (row.asked_by, row.asked_at)
