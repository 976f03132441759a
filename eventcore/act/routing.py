"""How logging and the standard streams of a process are routed while it runs steps."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

from eventcore.act.console import Console
from eventcore.act.log_handlers import ConsoleHandler, StepLogHandler
from eventcore.act.programs import ProgramOutput
from eventcore.act.steplog import this_process
from eventcore.act.tee import Tee


class _Routing:
    """They belong to the process and not to an engine: the first user changes them, and the last one restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._undo = ExitStack()

    def enter(self, level: int, console: Console, own_process: bool) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            this_process.has_complained = False
            self._route_streams(own_process)
            if own_process:
                this_process.programs = ProgramOutput()
                self._undo.callback(this_process.programs.close)
            self._route_logging(level, console)

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._undo.close()

    def _route_streams(self, own_process: bool) -> None:
        out, err = sys.stdout, sys.stderr
        self._undo.callback(_set_streams, out, err)
        if own_process:  # what Python writes must reach the console whatever becomes of descriptors 1 and 2
            out, err = _again(1, out), _again(2, err)
            self._undo.callback(_close, out)
            self._undo.callback(_close, err)
        _set_streams(Tee(out or _nowhere(), 1), Tee(err or _nowhere(), 2))

    def _route_logging(self, level: int, console: Console) -> None:
        root = logging.getLogger()
        handlers: list[logging.Handler] = [StepLogHandler()]
        if not root.handlers:
            if console.records:
                handlers.append(ConsoleHandler(console))
            self._undo.callback(root.setLevel, root.level)
            root.setLevel(level)
        for handler in handlers:
            root.addHandler(handler)
            self._undo.callback(root.removeHandler, handler)


def _again(descriptor: int, stream: TextIO) -> TextIO:
    """The stream on a descriptor of its own."""
    return open(os.dup(descriptor), "w", encoding=stream.encoding, errors=stream.errors, buffering=1)  # noqa: PTH123


def _nowhere() -> TextIO:
    """A stream that drops everything, for a process that was started without one."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _close(stream: TextIO) -> None:
    with suppress(OSError):  # what it has not written yet, nobody reads any more
        stream.close()


def _set_streams(out: TextIO | Tee, err: TextIO | Tee) -> None:
    sys.stdout, sys.stderr = out, err


_routing = _Routing()


@contextmanager
def installed(level: int, *, console: Console | None = None, own_process: bool = False) -> Iterator[None]:
    """Route logging and the standard streams of this process through the running step's log.

    A root logger that the program has configured keeps its handlers and its level; one that nobody has configured shows
    records of `level` and above on the console. With `own_process`, for a process that only runs steps, the output of
    the programs that a step starts is routed, too.
    """
    _routing.enter(level, console or Console(), own_process)
    try:
        yield
    finally:
        _routing.leave()
