"""Processes that are forked off in the middle of a run, and come back to it."""

import os
from contextlib import suppress


def end_if_forked(process: int, what: str, name: str) -> None:
    """End this process at once unless it is `process`, in which the step or observer of that name began.

    A fork shares the run's store and workers with the process that it was forked from, has none of its threads, and
    must run no step a second time.
    """
    if os.getpid() != process:
        said = (
            f"Process {os.getpid()} was forked from process {process} in {what} {name!r} and must not go on with the "
            "run, so it ends here; end it with os._exit, or fork before run()\n"
        )
        with suppress(OSError):
            os.write(2, said.encode("utf-8", "backslashreplace"))
        os._exit(1)
