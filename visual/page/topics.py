"""What can be followed: one run, or the list of all runs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eventcore.errors import StoreError
from eventcore.record.reading import Reader, reading
from eventcore.record.registry import backend_of
from eventcore.record.views import RunView
from visual.graph.layout import Graph
from visual.page.engines import Engines, Program
from visual.page.stores import Place, Stores
from visual.report.build import drawn, report_data


class Seen(msgspec.Struct, frozen=True):
    """What one look found."""

    data: Mapping[str, Any]  #: ready for JSON
    is_live: bool  #: an engine is at work, so that it may soon look different


class Topic(ABC):
    """Something that pages show, and that may change."""

    @abstractmethod
    def stamp(self) -> object:
        """Something that differs when it may have changed, found out without opening a store; None if it cannot be."""

    @abstractmethod
    def look(self) -> Seen:
        """How it stands; raises `StoreError` and `KeyError` where it is not there any more."""


class _Read(msgspec.Struct, frozen=True):
    """What a look found in a store: its runs, or why they cannot be read."""

    stamp: object
    runs: Sequence[RunView]
    gone: str | None

    @property
    def is_live(self) -> bool:
        return any(run.is_held for run in self.runs)


class AllRuns(Topic):
    """The stores with their programs and their runs, the latest first."""

    def __init__(self, stores: Stores, engines: Engines) -> None:
        self._stores = stores
        self._engines = engines
        self._known: dict[str, _Read] = {}

    def stamp(self) -> object:
        """See `Topic`."""
        stamps = [(place, backend_of(place.location).stamp()) for place in self._stores.all()]
        return None if any(stamp is None for _, stamp in stamps) else stamps

    def look(self) -> Seen:
        """See `Topic`; a store that cannot be read is shown with the reason."""
        now, found, is_live = time.time(), [], False
        for place in self._stores.all():
            read = self._read(place.location, now)
            found.append(self._store(place, read))
            is_live = is_live or read.is_live
        return Seen({"made": now, "folder": self._stores.folder, "stores": found}, is_live)

    def _read(self, location: str, now: float) -> _Read:
        """What a store holds; one that has not changed, and in which no engine is at work, is not read again."""
        stamp, known = backend_of(location).stamp(), self._known.get(location)
        if known is None or known.is_live or stamp is None or stamp != known.stamp:
            runs, gone = _runs_of(location, now)
            known = self._known[location] = _Read(stamp, runs, gone)
        return known

    def _store(self, place: Place, read: _Read) -> dict[str, Any]:
        return {
            "number": place.number, "name": Path(place.location).name, "gone": read.gone,
            "programs": [_program(one, read.runs) for one in self._engines.programs(place.location)],
            "runs": [_brief(run) for run in read.runs],
        }  # fmt: skip


def _runs_of(location: str, now: float) -> tuple[list[RunView], str | None]:
    """The runs of a store, and why they cannot be read; a store that no run has made yet has none."""
    file = backend_of(location).file
    if file is not None and not file.exists():
        return [], None
    try:
        with reading(location) as reader:
            return reader.runs(now), None
    except StoreError as error:
        return [], str(error)


def _program(program: Program, runs: Iterable[RunView]) -> dict[str, Any]:
    """A program, and the parameters of its latest run, which a new one may want, too."""
    own = (run.parameters for run in runs if run.origin.get("target") == program.target)
    return {"name": program.name, "target": program.target, "parameters": next(own, {})}


def _brief(run: RunView) -> dict[str, Any]:
    return {
        "number": run.id, "id": run.run_id, "program": run.program, "state": run.state, "recovery": run.recovery,
        "started": run.started, "ended": run.ended, "todos": run.todos,
        "next_due": run.next_due, "parameters": run.parameters,
    }  # fmt: skip


class OneRun(Topic):
    """The report of a run; its graph is drawn again only where it has changed."""

    def __init__(self, location: str, number: int) -> None:
        self._location = location
        self._number = number
        self._graph: Graph | None = None
        self._drawn: tuple[str | None, str | None] = (None, None)

    def stamp(self) -> object:
        """See `Topic`."""
        return backend_of(self._location).stamp()

    def look(self) -> Seen:
        """See `Topic`."""
        now = time.time()
        with reading(self._location) as reader:
            run = find_run(reader, self._number, now)
            data, graph = report_data(reader, run, now)
        if graph != self._graph:
            self._graph, self._drawn = graph, drawn(graph)
        svg, no_graph = self._drawn
        live = {"held": run.is_held, "paused": run.is_paused}
        return Seen({**data, "svg": svg, "no_graph": no_graph, "live": live}, run.is_held)


def find_run(reader: Reader, number: int, now: float) -> RunView:
    """The run with the store's number; raises `KeyError`."""
    for run in reader.runs(now):
        if run.id == number:
            return run
    raise KeyError(number)
