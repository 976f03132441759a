"""What a step finds around it in a reused process, and what is put back when it has left something there."""

import logging
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

#: The timers that send signals.
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)

#: The limits that the kernel sets for a process.
LIMITS = tuple({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})

#: The signals whose handlers can be changed.
SIGNALS = tuple(int(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})

#: Two functions of `signal` without their search for the names of what they find: they are asked after every step.
_plain = sys.modules.get("_signal", signal)
_handler_of: Callable[[int], Any] = _plain.getsignal
_mask: Callable[[int, Any], set[int]] = _plain.pthread_sigmask


class Surroundings:
    """The state of a process as it is now, for the steps that come.

    A step's environment, working folder, umask, signal handlers, blocked signals, alarms, limits, recursion limit and
    the root logger's level are put back. Where that fails, and where a step left threads, other standard streams or
    other handlers of the root logger, the process is not fit for another one.
    """

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._raw = dict(_raw_environment())
        self._folder: int | None = None
        with suppress(OSError):  # this user may not enter it
            self._folder = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._handlers = list(map(_handler_of, SIGNALS))
        self._blocked = _mask(signal.SIG_BLOCK, ())
        self._limits = list(map(resource.getrlimit, LIMITS))
        self._recursion = sys.getrecursionlimit()
        self._threads = threading.active_count()
        self._streams = _streams()
        self._level, self._disabled = logging.root.level, logging.root.manager.disable
        self._logs_to = list(logging.root.handlers)

    @contextmanager
    def extended(self, environment: Mapping[str, str]) -> Iterator[None]:
        """Add to the environment variables for as long as a step runs."""
        os.environ.update(environment)
        try:
            yield
        finally:
            for name in environment.keys() - self._environment.keys():
                os.environ.pop(name, None)

    def restored(self) -> bool:
        """Put back what the step changed; False if something of it remains."""
        for timer in TIMERS:
            signal.setitimer(timer, 0)
        self._restore_environment()
        if self._folder is None:
            return False
        os.umask(self._umask)
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        if (logging.root.level, logging.root.manager.disable) != (self._level, self._disabled):
            logging.root.setLevel(self._level)
            logging.disable(self._disabled)
        try:
            os.fchdir(self._folder)
            self._restore_signals()
            self._restore_limits()
        except (OSError, TypeError, ValueError):
            return False
        has_streams = all(now is before for now, before in zip(_streams(), self._streams, strict=True))
        has_handlers = logging.root.handlers == self._logs_to
        return has_streams and has_handlers and threading.active_count() <= self._threads

    def _restore_signals(self) -> None:
        if list(map(_handler_of, SIGNALS)) != self._handlers:
            for number, handler in zip(SIGNALS, self._handlers, strict=True):
                if _handler_of(number) is not handler:
                    signal.signal(number, handler)
        if _mask(signal.SIG_BLOCK, ()) != self._blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._blocked)

    def _restore_limits(self) -> None:
        if list(map(resource.getrlimit, LIMITS)) != self._limits:
            for limit, before in zip(LIMITS, self._limits, strict=True):
                resource.setrlimit(limit, before)

    def _restore_environment(self) -> None:
        if _raw_environment() == self._raw:
            return
        now = dict(os.environ)
        for name in now.keys() - self._environment.keys():
            del os.environ[name]
        os.environ.update(self._environment.items() - now.items())


def _streams() -> tuple[object, object, object]:
    return sys.stdin, sys.stdout, sys.stderr


def _raw_environment() -> Mapping[Any, Any]:
    """What `os.environ` keeps inside: decoded, it takes longer to look through than a short step takes to run."""
    found: Mapping[Any, Any] = getattr(os.environ, "_data", os.environ)
    return found
