"""How runs stand: each with its present recovery, and whether an engine works on it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from eventcore.define.status import Verdict
from eventcore.record import lease
from eventcore.record import schema as t
from eventcore.record.backend import backend_at
from eventcore.record.pausing import last_word, open_cancel
from eventcore.record.reruns import last_whole
from eventcore.record.verbs import PAUSE
from eventcore.record.views import RunView


def run_views(connection: Connection, now: float, wanted: ColumnElement[bool]) -> list[RunView]:
    """The wanted runs, the latest first."""
    query = select(
        t.runs,
        last_word(t.runs.c.id).scalar_subquery().label("last_word"),
        open_cancel(t.runs.c.id).scalar_subquery().label("open_cancel"),
        last_whole(t.runs.c.id).scalar_subquery().label("last_whole"),
        *(t.recoveries.c[name] for name in ("started", "ended", "verdict", "report", "mixed")),
    )
    query = query.join(
        t.recoveries, (t.recoveries.c.run == t.runs.c.id) & (t.recoveries.c.recovery == t.runs.c.recovery)
    ).order_by(t.runs.c.id.desc())
    times = backend_at(connection).lease_times(connection, now)
    return [_run_view(row, *times) for row in connection.execute(query.where(wanted))]


def _run_view(row: Any, now: float, awake_since: float) -> RunView:
    said = json.loads(row.report) if row.report else {}
    held = lease.is_held(row, now, awake_since)
    return RunView(
        row.id, row.run_id, row.program, row.source, row.recovery, row.created, row.started, row.ended,
        Verdict(row.verdict), held, lease.named(row) if held else None, said.get("todos", 0), said.get("next_due"),
        said.get("stalled", []), said.get("not_reached", []), row.last_word == PAUSE, row.last_whole or 0,
        said.get("held_back", 0), bool(row.mixed), row.user, row.host,
        row.open_cancel is not None, bool(row.submitted),
    )  # fmt: skip
