"""Looking at a run again and again, as often as that is cheap."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from eventcore.record.location import sqlite_path
from eventcore.record.reading import reading
from visual.live import Moment, look

SHARE = 10  #: a look that took a second is followed by ten without one


class Lookout:
    """Keeps the last moment of a run: the named one, or the latest when it was first looked for."""

    def __init__(self, location: str, interval: float, run_id: str | None = None) -> None:
        self.location = location
        self.run_id = run_id
        self.moment: Moment | None = None
        self._interval = interval
        self._due = 0.0  #: by the monotonic clock

    def look_if_due(self) -> bool:
        """Look where the last look is long enough ago; True where it did."""
        if time.monotonic() < self._due:
            return False
        self.look()
        return True

    def look(self) -> None:
        """Look now; raises `StoreError`."""
        began = time.monotonic()
        try:
            with reading(self.location) as reader:
                self.moment = look(reader, self.run_id, time.time())
            self.run_id = self.moment.run.run_id
        finally:
            ended = time.monotonic()
            self._due = ended + max(self._interval, SHARE * (ended - began))


def run_of_this_process(location: str) -> str | None:
    """The run that an engine of this process works on, None where there is none so far."""
    if not _is_made(location):
        return None
    here = f"process {os.getpid()} on {socket.gethostname()}"
    with reading(location) as reader:
        return next((run.run_id for run in reader.runs(time.time()) if run.holder == here), None)


def _is_made(location: str) -> bool:
    """Whether an engine has the store open in its lasting mode: a reader that came earlier could be in its maker's way.

    The file itself must not be opened to find out: closing it would drop the locks that this process has on it.
    """
    path = sqlite_path(location)
    return path is not None and Path(f"{path}-wal").exists()
