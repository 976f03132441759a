"""The progress of a run in a notebook: one display, updated in place.

A thread of its own draws it a few times a second at most, so that it goes on while steps take long. It reads a store in
a file as any other reader does. One in memory belongs to the engine's thread, so that only counts are shown at first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

from eventcore.act.observer import (
    Notice,
    RunEntered,
    RunFinished,
    RunFoundOver,
    RunStopping,
    TaskEnded,
    TaskStarted,
    TurnRecorded,
)
from eventcore.act.system_clock import SystemClock
from eventcore.define.status import Verdict
from eventcore.errors import EventcoreError
from eventcore.record.location import scheme_of
from eventcore.run import jupyter
from eventcore.run.notebook import Progress
from eventcore.run.request import Request
from eventcore.run.runner import Runner
from visual.errors import PictureError
from visual.graph.draw import drawn_run
from visual.live.poller import Poller
from visual.notebook.tally import Tally
from visual.notebook.view import View, view_of
from visual.notebook.words import words

log = logging.getLogger("eventcore")

FRAME = 0.3  #: seconds between two drawings at the least
LARGEST = 60  #: nodes of a picture that is shown without being asked for
STOPPING = "stopping: nothing new starts, running steps finish; interrupt again to end them"


class NotebookProgress(Progress):
    """Shows the run of a program while it goes on, and in the end its picture."""

    kinds: Collection[type[Notice]] = (RunEntered, RunFoundOver, RunStopping, TurnRecorded, RunFinished)

    def __init__(self, program: Runner, request: Request) -> None:
        self._program = program
        self._name = jupyter.name_of(program)
        self._words: list[str] = []
        self._clock = SystemClock()
        self._poller = Poller(program.store, FRAME, self._clock, read=lambda _: program.reading())
        self._tally = Tally() if scheme_of(program.store) == "memory" else None
        if self._tally is not None:
            self.kinds = (*self.kinds, TaskStarted, TaskEnded)
        self._said = ""
        self._is_finished = False
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: Any = None
        self._shown: dict[str, str] | None = None
        self._is_broken = False
        self._guarded(lambda: self._words.extend(words(program, request, self._name)))

    def notify(self, notice: Notice) -> None:
        """Have the run read again before it is drawn again."""
        self._poller.run_id = notice.run_id
        if isinstance(notice, RunFoundOver):
            self._words.append(f"Run {notice.run_id} is over ({notice.verdict}), so nothing was done.")
            if notice.verdict is Verdict.success:
                self._words.append(f"To run everything again: {self._name}.run(run_mode='restart')")
        elif isinstance(notice, RunStopping):
            self._said = STOPPING
        elif isinstance(notice, RunFinished):
            self._is_finished = not notice.interrupted
        elif self._tally is not None:
            self._tally.add(notice)
        self._news.set()
        if self._thread is None:
            self._guarded(self._look)
            self._guarded(self._draw)
            self._thread = threading.Thread(target=self._work, name="visual-notebook", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Show how the run stands in the end, and its picture."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._said = ""
        if self._poller.run_id is not None:
            self._guarded(self._look)
        self._guarded(self._draw)
        if self._is_finished:
            self._guarded(self._draw_picture)

    def _work(self) -> None:
        while not self._closing.wait(FRAME):
            if self._news.is_set() and self._poller.is_due:
                self._guarded(self._look)
            self._guarded(self._draw)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do it; where that fails, the view ends, and the run goes on."""
        if self._is_broken:
            return
        try:
            work()
        except Exception as error:
            self._is_broken = True
            log.warning("The progress of the run cannot be shown any more: %s: %s", type(error).__name__, error)

    def _look(self) -> None:
        if self._tally is not None and not self._closing.is_set():
            return
        self._news.clear()
        try:
            self._poller.look()
        except EventcoreError:  # such as a store that is locked just now: it is looked at again
            self._news.set()

    def _draw(self) -> None:
        found = self._view().bundle
        if found == self._shown or not found["text/plain"]:
            return
        self._shown = found
        if self._handle is None:
            self._handle = _display()(found, raw=True, display_id=True)
        else:
            self._handle.update(found, raw=True)

    def _view(self) -> View:
        words, now = list(self._words), self._clock.wall()
        if self._tally is not None and not self._closing.is_set():
            words += [line for line in (self._tally.line(now), self._said) if line]
        return view_of(self._poller.moment, now, words, self._said, self._name)

    def _draw_picture(self) -> None:
        with self._program.reading() as reader:
            picture = drawn_run(reader, self._poller.run_id)
        if picture.graph.root.size <= LARGEST:
            try:
                svg = picture.render("svg").decode()
            except PictureError:  # there is no Graphviz
                return
            _display()({"image/svg+xml": svg, "text/plain": f"the picture of run {self._poller.run_id}"}, raw=True)


def _display() -> Any:
    """What shows something below the cell that runs."""
    return import_module("IPython.display").display
