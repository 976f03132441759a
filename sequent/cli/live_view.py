"""The live view of a run that an engine of this process works on.

Whatever this process and its workers write to the terminal meanwhile goes through a pipe, since it would tear the view;
a thread of the view's own puts it above. As an observer the view hears when something was recorded, and only then reads
how the run stands from the store, as any other reader does.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from eventcore.act.clock import Clock
from eventcore.act.observer import Notice, Observer, RunEntered, TurnRecorded
from eventcore.act.system_clock import SystemClock
from eventcore.errors import EventcoreError
from eventcore.record.registry import backend_of
from eventcore.run.runner import Runner
from sequent.cli.screen import FRAME, Screen
from visual.live.poller import Poller

CHUNK = 1 << 16
STOPPING = "stopping: nothing new starts, running steps finish; Ctrl-C again ends them"
ENDING = "ending the running steps"


@contextmanager
def live_view(program: Runner) -> Iterator[None]:
    """Show the program's run in the terminal while the block works on it; nobody can read one in memory."""
    if not backend_of(program.store).is_shared:
        yield
        return
    if program.config.console is True and os.isatty(2):  # what the view prints is no terminal for those who write it
        program.configure({"console": "coloured"})
    view = LiveView(program.store, SystemClock())
    program.add_observer(view)
    try:
        yield
    finally:
        view.close()


class LiveView(Observer):
    """Takes the terminal over when it is made, in the main thread, and gives it back when it is closed."""

    kinds = (RunEntered, TurnRecorded)

    def __init__(self, location: str, clock: Clock) -> None:
        self._clock = clock
        self._poller = Poller(location, FRAME, clock)
        self._news = threading.Event()
        self._screen = Screen(1, sys.stdout.encoding)
        self._pending = b""
        self._interrupts = 0
        self._closing = self._broken = False
        self._output, writing = os.pipe()
        self._wake, self._waking = os.pipe()
        for end in (self._output, self._wake, self._waking):
            os.set_blocking(end, False)
        _flush()
        self._kept = {number: os.dup(number) for number in (1, 2) if os.isatty(number)}
        for number in self._kept:
            os.dup2(writing, number)
        os.close(writing)
        # the engine has the handler of Ctrl-C; this only hears that it was pressed
        self._wakeup = signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._work, name="sequent-live", daemon=True)
        self._thread.start()

    def notify(self, notice: Notice) -> None:
        """Have the run read again before it is drawn again."""
        self._poller.run_id = notice.run_id
        self._news.set()

    def close(self) -> None:
        """Show how the run stands in the end, and give the terminal back."""
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient Ctrl-C would leave the cursor hidden
        try:
            signal.set_wakeup_fd(self._wakeup)
            _flush()
            for number, kept in self._kept.items():
                os.dup2(kept, number)
            self._closing = True
            os.write(self._waking, b"\0")
            self._thread.join()
            for end in (self._output, self._wake, self._waking, *self._kept.values()):
                os.close(end)
        finally:
            signal.signal(signal.SIGINT, handler)

    def _work(self) -> None:
        drawn = 0.0
        while True:
            wait = max(0.0, drawn + FRAME - self._clock.now())
            ready, _, _ = select.select([self._output, self._wake], [], [], wait)
            if self._wake in ready:
                self._interrupts += os.read(self._wake, CHUNK).count(signal.SIGINT)
            closing = self._closing
            more = self._take()
            if closing and not more:
                self._guarded(self._draw_the_end)
                return
            if self._clock.now() >= drawn + FRAME or len(self._pending) >= CHUNK:
                self._guarded(self._draw)
                drawn = self._clock.now()

    def _take(self) -> bool:
        """Take what was written; True where there may be more."""
        with suppress(BlockingIOError):
            chunk = os.read(self._output, CHUNK)
            self._pending += chunk
            return bool(chunk)
        return False

    def _guarded(self, draw: Callable[[], None]) -> None:
        """Draw; where that fails, the view ends, and lines still get through as far as they can."""
        if not self._broken:
            try:
                draw()
                return
            except Exception:
                self._broken = True
                with suppress(Exception):
                    self._screen.close()
        with suppress(OSError):
            os.write(next(iter(self._kept.values())), self._pending)
        self._pending = b""

    def _draw(self) -> None:
        self._print_lines()
        if self._news.is_set() and self._poller.is_due:
            self._news.clear()
            try:
                self._poller.look()
            except EventcoreError:  # a view must not end a run; it looks again
                self._news.set()
        self._show()

    def _draw_the_end(self) -> None:
        self._print_lines(end=True)
        with suppress(EventcoreError):
            if self._poller.run_id is not None:
                self._poller.look()
        self._interrupts = 0
        self._show()
        self._screen.close()

    def _print_lines(self, *, end: bool = False) -> None:
        """Put the lines that are whole above the tree, in the end also one that is not."""
        lines, newline, rest = self._pending.rpartition(b"\n")
        if end and rest:
            lines, newline, rest = self._pending, b"\n", b""
        self._pending = rest
        if newline:
            self._screen.print(lines.decode(sys.stdout.encoding, "replace"))

    def _show(self) -> None:
        if self._poller.moment is not None:
            said = ("", STOPPING, ENDING)[min(self._interrupts, 2)]
            self._screen.show(self._poller.moment, self._clock.wall(), said)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
