"""What can be followed: one run, or the list of all runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from eventcore.record.reading import Reader
from eventcore.record.views import RunView
from visual.graph.layout import Graph
from visual.report.build import drawn, report_data


class Seen(msgspec.Struct, frozen=True):
    """What one look at a store found."""

    data: Mapping[str, Any]  #: ready for JSON
    is_live: bool  #: an engine is at work, so that it may soon look different


Topic = Callable[[Reader, float], Seen]


def list_of_runs(reader: Reader, now: float) -> Seen:
    """All runs of the store, the latest first."""
    runs = reader.runs(now)
    return Seen({"made": now, "runs": [_brief(run) for run in runs]}, any(run.is_held for run in runs))


def _brief(run: RunView) -> dict[str, Any]:
    return {
        "number": run.id, "id": run.run_id, "program": run.program, "state": run.state, "recovery": run.recovery,
        "started": run.started, "ended": run.ended, "todos": run.todos,
    }  # fmt: skip


class OneRun:
    """The report of a run; its graph is drawn again only where it has changed."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._graph: Graph | None = None
        self._drawn: tuple[str | None, str | None] = (None, None)

    def __call__(self, reader: Reader, now: float) -> Seen:
        """The run as it stands; raises `KeyError` where it is not there any more."""
        run = find_run(reader, self._number, now)
        data, graph = report_data(reader, run, now)
        if graph != self._graph:
            self._graph, self._drawn = graph, drawn(graph)
        svg, no_graph = self._drawn
        live = {"number": run.id, "held": run.is_held, "paused": run.is_paused}
        return Seen({**data, "svg": svg, "no_graph": no_graph, "live": live}, run.is_held)


def find_run(reader: Reader, number: int, now: float) -> RunView:
    """The run with the store's number; raises `KeyError`."""
    for run in reader.runs(now):
        if run.id == number:
            return run
    raise KeyError(number)
