"""Ctrl-C: the first one stops a run in an orderly way, a second one ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventcore.run import jupyter


def interruption(text: str, error: KeyboardInterrupt | None = None) -> KeyboardInterrupt:
    """What ends the work on a run after Ctrl-C, `error` if there is one; a notebook shows its text and no traceback.

    It is of that very class, by which Python ends a script as one that was interrupted.
    """
    error = error or KeyboardInterrupt()
    error.args = (text,)
    vars(error)["_render_traceback_"] = lambda: [f"KeyboardInterrupt: {text}"]
    return error


@contextmanager
def catching_ctrl_c(heard: Callable[[], None]) -> Iterator[None]:
    """Call `heard` at the first Ctrl-C; the second is a `KeyboardInterrupt` again.

    Nothing is changed for a program that handles Ctrl-C itself or runs the engine in a thread other than the main one.
    In a notebook it is the kernel that handles it, in cells that await something: by waiting for the cell to end.
    """
    is_ours = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not is_ours or (before is not signal.default_int_handler and jupyter.shell() is None):
        yield
        return

    def interrupted(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        heard()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
