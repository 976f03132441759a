"""The beginning of a call of `run`, until there is a run that can be steered."""

from __future__ import annotations

import threading

from eventcore.act.observer import Notice, Observer, RunEntered

PATIENCE = 10.0  #: seconds to wait for a run to be entered


class Beginning(Observer):
    """Lets other threads wait until the run is entered, so that what they ask of it is not refused for being early."""

    kinds = (RunEntered,)

    def __init__(self) -> None:
        self._thread = 0
        self._over = threading.Event()

    def is_of_this_thread(self) -> None:
        """The present thread runs the program."""
        self._thread = threading.get_ident()

    def notify(self, notice: Notice) -> None:
        """The run is entered."""
        self._over.set()

    def end(self) -> None:
        """The call of `run` is over, whether it came to a run or not."""
        self._over.set()

    def wait(self) -> None:
        """Wait for the end of the beginning; the thread that runs the program does not wait for itself."""
        if threading.get_ident() != self._thread:
            self._over.wait(PATIENCE)
