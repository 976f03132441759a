"""The delays of a run that are on their way, one by one."""

from __future__ import annotations

from sqlalchemy import select

from eventcore.record import schema as t
from eventcore.record.reading import Reader, RunView


def pending_delays(reader: Reader, run: RunView) -> list[tuple[str, str, float]]:
    """The association's key, the sequence and the due time in UTC seconds, the next one first."""
    delays = t.delays
    query = (
        select(delays.c.association, delays.c.sequence, delays.c.due)
        .where(delays.c.run == run.id, delays.c.recovery == run.recovery, delays.c.over == 0)
        .order_by(delays.c.due)
    )
    return [(row.association, row.sequence, row.due) for row in reader._connection.execute(query)]
