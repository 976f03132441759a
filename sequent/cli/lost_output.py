"""Output that nobody can read any more, because its reader has gone or its disk is full."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def loss_accepted() -> Iterator[None]:
    """What is printed inside may be lost: the exit code says the same."""
    try:
        yield
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        let_go(sys.stdout)


def let_go(stream: TextIO | None) -> None:
    """Lead a stream nowhere that cannot be written: at its end, Python would try once more and complain."""
    if stream is None:
        return
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
