"""The engine's end of a worker process: its pipes, its job, its death and the cleanup."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from eventcore.act.current import Current
from eventcore.act.executors.worker import HEADER
from eventcore.act.programs import rescue
from eventcore.act.steplog import LogTarget

_BOOT = """\
import gc, sys
gc.disable()
sys.path[:] = {path!r}
from eventcore.act.executors.worker import main
main(*{arguments!r})
"""


class Job(msgspec.Struct, frozen=True):
    """A started call on its way to a worker."""

    ticket: int
    message: bytes
    timeout: float | None
    view: Current
    function: Callable[..., object]
    log: LogTarget | None = None

    @property
    def log_file(self) -> str | None:
        """Its log file, where it has one."""
        return None if self.log is None else self.log.file(self.view)


class WorkerProcess:
    """One worker process, which leads a session and a process group of its own, as the engine sees it.

    `level` is of the log records that steps show on the console; `module` is imported before there is a call.
    """

    def __init__(self, level: int, module: str | None = None) -> None:
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            calls, calls_end = _pipe(theirs, ours)
            leash, leash_end = _pipe(theirs, ours)
            self.outcomes, outcomes = _pipe(ours, theirs)
            arguments = (calls, outcomes, leash, level, module)
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT.format(path=list(map(str, sys.path)), arguments=arguments)],
                stdin=subprocess.DEVNULL,
                pass_fds=(calls, outcomes, leash),
                start_new_session=True,
            )
            ours.pop_all()  # they stay open
        self._calls = open(calls_end, "wb", buffering=0)  # noqa: SIM115, PTH123  a worker is no block, a descriptor no path
        self._leash = open(leash_end, "wb", buffering=0)  # noqa: SIM115, PTH123
        for end in (self.outcomes, calls_end):  # a worker may be stopped at any time
            os.set_blocking(end, False)
        self.calls = calls_end
        self._unsent = memoryview(b"")
        self.death = _death_of(self._process.pid)
        self.job: Job | None = None
        self._given_at = 0.0
        self.is_ready = False  #: it has started
        self._surroundings = _surroundings()
        self._logs: str | None = None  #: the folder of its jobs' logs
        self.deadline: float | None = None  #: by the monotonic clock
        self.verdict: str | None = None  #: why the engine ended this worker
        self.is_handed_back = False  #: it was ended for its job to begin again
        self.gone = False  #: dead, and to be buried
        self._received = bytearray()

    def give(self, job: Job) -> None:
        """Hand over a job, as far as its pipe takes it; raises `BrokenPipeError` if the worker has died meanwhile."""
        self._unsent = memoryview(HEADER.pack(len(job.message)) + job.message)
        self.push()
        self.job, self._given_at = job, time.monotonic()
        if self._logs is None and job.log is not None:
            self._logs = job.log.folder
        if job.timeout is not None:
            self.deadline = time.monotonic() + job.timeout

    def push(self) -> None:
        """Hand over what is left of the job, as far as the pipe takes it; raises `BrokenPipeError`."""
        while self._unsent and (written := self._calls.write(self._unsent)) is not None:
            self._unsent = self._unsent[written:]

    @property
    def seconds(self) -> float:
        """How long ago it got its job."""
        return time.monotonic() - self._given_at

    @property
    def is_sending(self) -> bool:
        """Whether a part of the job waits until the pipe of calls takes it."""
        return bool(self._unsent)

    def is_up_to_date(self) -> bool:
        """Whether a worker started now would find the same around it."""
        return self._surroundings == _surroundings()

    def finish(self) -> None:
        """Note that the job is done."""
        self.job = self.deadline = None

    def read(self) -> tuple[list[bytes], bool]:
        """Return the messages that have arrived, and whether more can come."""
        more, size = True, 1 << 16
        with contextlib.suppress(BlockingIOError):
            while len(chunk := os.read(self.outcomes, size)) == size:
                self._received += chunk
            self._received += chunk
            more = bool(chunk)
        messages = []
        while len(self._received) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self._received)[0]
            if len(self._received) < end:
                break
            messages.append(bytes(self._received[HEADER.size : end]))
            del self._received[:end]
        return messages, more

    def end(self, verdict: str) -> None:
        """Kill the worker and all that its step started; the first verdict becomes the job's error."""
        self.verdict = self.verdict or verdict
        self._kill_group()

    def hand_back(self) -> None:
        """Kill the worker; its job is to begin again, unless it is done by now or was to be ended before."""
        self.is_handed_back = self.is_handed_back or self.verdict is None
        self.end("handed back")

    @property
    def takes_outcome(self) -> bool:
        """Whether what it has written counts; not that of a job of which is known how it ended."""
        return self.verdict is None or self.is_handed_back

    def time_out(self) -> None:
        """End the worker, because its job is out of time."""
        self.deadline = None
        self.end(f"timed out after {self.job.timeout:g} s" if self.job and self.job.timeout else "timed out")

    def let_go(self) -> None:
        """Let an idle worker leave; in a process forked off the engine, do not stand in the way of its leaving."""
        self._calls.close()
        self._leash.close()

    def dismiss(self) -> None:
        """Kill a worker that does not leave by itself; programs that finished steps left running go on."""
        if self.job is None:
            self._process.kill()
        else:
            self.end("cancelled")

    def bury(self) -> str:
        """Release what belonged to the dead worker; returns why it died."""
        if self.job is not None:  # before the wait that sets the process's id free
            self._kill_group()
        code = self._process.wait()
        self.let_go()
        if self._logs is not None:
            rescue(self._logs, self._process.pid, None if self.job is None else self.job.log_file)
        os.close(self.outcomes)
        if self.death is not None:
            os.close(self.death)
        if self.verdict is not None:
            return self.verdict
        what = "died" if self.is_ready else "died while it started"
        how = f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        return f"the worker process {what} ({how})"

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """A new pipe; each of its ends is closed by whom it is handed to."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write


def _surroundings() -> tuple[object, ...]:
    """What a worker takes over from the engine when it starts."""
    folder = None
    with contextlib.suppress(OSError):  # it was removed
        folder = Path.cwd()
    return dict(os.environ), folder, list(map(str, sys.path))


def _death_of(pid: int) -> int | None:
    """A file descriptor that becomes readable when the process ends.

    The end of its pipe is no sure sign: a process that a step forked holds it, too. It has to do where the system has
    no such descriptors.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return os.pidfd_open(pid)
    return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
