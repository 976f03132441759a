"""The run that an engine of this process works on, found in the store as others see it."""

from __future__ import annotations

import os
import socket
import time

from eventcore.record.reading import reading
from eventcore.record.registry import backend_of


def run_of_this_process(location: str) -> str | None:
    """The run that an engine of this process works on, None where there is none so far."""
    if not backend_of(location).is_made():  # a reader that came earlier could be in its maker's way
        return None
    here = f"process {os.getpid()} on {socket.gethostname()}"
    with reading(location) as reader:
        return next((run.run_id for run in reader.runs(time.time()) if run.holder == here), None)
