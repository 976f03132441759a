"""Ctrl-C: the first one stops a run in an orderly way, a second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def catching_ctrl_c(heard: Callable[[], None]) -> Iterator[None]:
    """Call `heard` at the first Ctrl-C; the second is a `KeyboardInterrupt` again.

    Nothing is changed for a program that handles Ctrl-C itself or runs the engine in a thread other than the main one.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not is_ours or before is not signal.default_int_handler:
        yield
        return

    def interrupted(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        heard()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
