"""The inside of a worker process: it reads calls, performs them one after another, and writes their outcomes.

It never imports the program's main module, and keeps its own imports few, since a flow of one step waits for them.
"""

import fcntl
import gc
import importlib
import os
import pickle
import select
import signal
import struct
import sys
import threading
from contextlib import suppress
from typing import BinaryIO

from eventcore.act.envelope import failed, perform_packed
from eventcore.act.executors.surroundings import Surroundings
from eventcore.act.routing import installed
from eventcore.define.outcome import Emission, Outcome
from eventcore.errors import ProgramError

#: Each message, in both directions, is its length followed by so many bytes.
HEADER = struct.Struct("!Q")

#: Seconds that a worker may take to leave: for threads and exit handlers that its steps left.
LEAVING = 2.0

#: The first message of a worker: it has started, and its call's time begins to count.
READY = b""

#: Comes after an outcome: the worker leaves without a further call, since the step left what cannot be put back.
RETIRED = b"retired"


def main(calls: int, outcomes: int, leash: int, level: int, module: str | None) -> None:
    """Serve the calls that arrive until their pipe is closed; the first three are file descriptors of pipes.

    `module` is imported first, where the engine knows that a call will need it.
    """
    for end in (calls, outcomes, leash):
        os.set_inheritable(end, False)
    # Interrupting is the engine's business; a handler, unlike SIG_IGN, is not inherited by the programs of a step.
    signal.signal(signal.SIGINT, lambda *_: None)
    held = Leash(leash)
    _keep_imported()
    with (
        open(calls, "rb") as reader,
        open(outcomes, "wb", buffering=0) as writer,
        installed(level, own_process=True),
        suppress(BrokenPipeError),  # the engine went
    ):
        if module is not None:
            with held, suppress(BaseException):  # it is raised again, in the call that needs it
                importlib.import_module(module)
        surroundings = Surroundings()
        send(writer, READY)
        while (message := receive(reader)) is not None:
            environment, body = pickle.loads(message)  # noqa: S301  the engine of this worker sent it
            with held, surroundings.extended(environment):
                telling = Telling(writer)
                reply = answer(body, telling)
            telling.end()
            send(writer, reply)
            if not surroundings.restored():  # while the engine records the outcome
                send(writer, RETIRED)
                break
    _leave_in_time()


def _leave_in_time() -> None:
    """End the pools that steps left, and have the kernel end this process if anything keeps it from leaving."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        for child in multiprocessing.active_children():
            with suppress(Exception):
                child.kill()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, LEAVING)


def _keep_imported() -> None:
    """Leave what is imported so far out of garbage collection, and begin to collect.

    It stays until the worker ends, and `close` waits for that end, at which all that is collected would be taken apart.
    """
    gc.freeze()
    gc.enable()


def send(stream: BinaryIO, message: bytes) -> None:
    """Write one message, its header and body in one piece so that a short one is one system call."""
    rest = memoryview(HEADER.pack(len(message)) + message)
    while rest:
        rest = rest[stream.write(rest) :]


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message; None when the other end is closed."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (size,) = HEADER.unpack(header)
    message = stream.read(size)
    return message if len(message) == size else None


class Telling:
    """Passes on what a call emits while it runs, from whichever of its threads; not from processes that it forks."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_over = False
        self._process = os.getpid()

    def __call__(self, emission: Emission) -> None:
        if os.getpid() != self._process:  # it would write into the messages of the other
            raise ProgramError("a process that the step forked cannot emit; emit in the step's own process")
        message = pickle.dumps(emission)
        with self._lock:
            if self._is_over:
                raise ProgramError("the step is over; it can emit events only while it runs")
            send(self._stream, message)

    def end(self) -> None:
        """The call is over."""
        with self._lock:
            self._is_over = True


def answer(body: bytes, tell: Telling) -> bytes:
    """Perform one packed call; whatever it does short of ending the process, the answer is a pickled `Outcome`."""
    try:
        outcome = perform_packed(body, owns_environment=True, tell=tell)
    except BaseException as error:
        outcome = failed(error)
    flush_standard_streams()
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        return pickle.dumps(Outcome(False, error=f"the outcome cannot be sent back: {error!r}"))


def flush_standard_streams() -> None:
    """Flush what a finished step printed, so that it is not lost if a later step kills the process."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


class Leash:
    """While entered, the kernel kills this process's group as soon as the engine is gone, however it went.

    The engine holds the only writing end of `pipe` and never writes, so any event on it means that the engine has
    ended; the kernel answers it with SIGKILL, also while a step holds the interpreter's lock, and also for the programs
    that the step started. A thread that waits for the same could not do the former, and would make every fork in a step
    a fork of a threaded process. The pipe of calls would not do: the event of a write may come after the reader has
    read what was written. Where the system has no `F_SETSIG`, a worker without engine ends after its step.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
        self._able = hasattr(fcntl, "F_SETSIG")
        if self._able:
            fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
            self._gone = select.poll()
            self._gone.register(pipe, select.POLLIN)

    def __enter__(self) -> None:
        if self._able:
            fcntl.fcntl(self._pipe, fcntl.F_SETFL, self._flags | os.O_ASYNC)
            if self._gone.poll(0):  # it went before the kernel was asked to tell
                os.killpg(0, signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        if self._able:
            with suppress(OSError):  # the step closed what it had not opened; the outcome will not get out either
                fcntl.fcntl(self._pipe, fcntl.F_SETFL, self._flags)
