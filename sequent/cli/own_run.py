"""The run that an engine of this process works on, found in the store as others see it."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from eventcore.record.location import sqlite_path
from eventcore.record.reading import reading


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
