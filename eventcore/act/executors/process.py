"""Steps in worker processes, which are reused from step to step and ended one by one.

`docs/process-pool.md` says why this is not a library's pool.
"""

import contextlib
import logging
import os
import pickle
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass

from eventcore.act.envelope import Call, Outcome, failed, pack
from eventcore.act.executors.base import Executor, Report
from eventcore.act.executors.worker import HEADER, READY, send

_log = logging.getLogger(__name__)

#: How long `close` lets idle workers run their exit handlers, in seconds.
GRACE = 0.25

_BOOT = """\
import sys
sys.path[:] = {path!r}
from eventcore.act.executors.worker import main
main({calls}, {outcomes}, {leash}, {level})
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A started call on its way to a worker."""

    ticket: int
    message: bytes
    timeout: float | None


class Worker:
    """The engine's end of one worker process, which leads a session and a process group of its own."""

    def __init__(self, level: int) -> None:
        calls, calls_end = os.pipe()
        leash, leash_end = os.pipe()
        self.outcomes, outcomes = os.pipe()
        try:
            boot = _BOOT.format(path=list(map(str, sys.path)), calls=calls, outcomes=outcomes, leash=leash, level=level)
            self._process = subprocess.Popen(
                [sys.executable, "-c", boot],
                stdin=subprocess.DEVNULL,
                pass_fds=(calls, outcomes, leash),
                start_new_session=True,
            )
        except BaseException:
            for end in (calls_end, leash_end, self.outcomes):
                os.close(end)
            raise
        finally:
            for end in (calls, leash, outcomes):
                os.close(end)
        self._calls = open(calls_end, "wb", buffering=0)  # noqa: SIM115, PTH123  a worker is no block, a descriptor no path
        self._leash = open(leash_end, "wb", buffering=0)  # noqa: SIM115, PTH123
        os.set_blocking(self.outcomes, False)
        self.death = _death_of(self._process.pid)
        self.job: Job | None = None
        self._ready = False
        self.deadline: float | None = None  #: by the monotonic clock
        self.verdict: str | None = None  #: why the engine ended this worker
        self.gone = False  #: dead, and to be buried
        self._received = bytearray()

    def give(self, job: Job) -> None:
        """Hand over a job; raises `BrokenPipeError` if the worker has died in the meantime."""
        self.job = job
        self._start_clock()
        send(self._calls, job.message)

    def is_ready(self) -> None:
        """Note that the worker has started."""
        self._ready = True
        self._start_clock()

    def _start_clock(self) -> None:
        if self._ready and self.job is not None and self.job.timeout is not None:
            self.deadline = time.monotonic() + self.job.timeout

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

    def time_out(self) -> None:
        """End the worker, because its job is out of time."""
        self.deadline = None
        self.end(f"timed out after {self.job.timeout:g} s" if self.job and self.job.timeout else "timed out")

    def let_go(self) -> None:
        """Let an idle worker leave; in a process forked off the engine, do not stand in the way of its leaving."""
        self._calls.close()
        self._leash.close()

    def bury(self) -> str:
        """Release what belonged to the dead worker; returns why it died."""
        if self.job is not None:  # before the wait that sets the process's id free
            self._kill_group()
        code = self._process.wait()
        self.let_go()
        os.close(self.outcomes)
        if self.death is not None:
            os.close(self.death)
        if self.verdict is not None:
            return self.verdict
        what = "died" if self._ready else "died while it started"
        how = f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        return f"the worker process {what} ({how})"

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


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


def _unpackable(call: Call, error: Exception) -> Outcome:
    """The outcome of a call that cannot leave this process."""
    outcome = failed(error)
    text = (
        f"step {call.view.name!r} cannot be sent to a worker process, because its function or arguments cannot be "
        f"pickled ({outcome.error}); pass what can be, or set the step's task_construct to thread"
    )
    return Outcome(False, error=text, traceback=outcome.traceback)


def _unpacked(message: bytes) -> Outcome:
    """What a worker wrote, as the outcome it should be."""
    try:
        outcome: Outcome = pickle.loads(message)  # noqa: S301  a worker of this engine wrote it, to a pipe of its own
    except Exception as error:
        return Outcome(False, error=f"the outcome cannot be read: {error!r}")
    return outcome


class ProcessExecutor(Executor):
    """Runs calls in up to `workers` processes, which start when there is work for them.

    A call that ends its process, is out of time or is cancelled takes down this process and those it started, and no
    other call. A call's time begins when its worker is ready to run it. Workers do not outlive the engine. `level` is
    the least level of the log records that steps show on the console.
    """

    def __init__(self, report: Report, workers: int, level: int = logging.INFO) -> None:
        super().__init__(report)
        self._limit = max(1, workers)
        self._level = level
        self._lock = threading.Lock()  # guards all below, and the state of each worker
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._waiting: deque[Job] = deque()
        self._closed_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_end, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._selector.register(self._wake_end, selectors.EVENT_READ)
        self._watcher = threading.Thread(target=self._watch, name="eventcore-workers", daemon=True)
        self._watcher.start()
        _forget_in_forks(self)

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        try:
            job = Job(ticket, pickle.dumps((dict(call.environment), pack(call))), timeout)
        except Exception as error:
            self._tell([(ticket, _unpackable(call, error))])
            return
        with self._lock:
            if self._closed_at is None:
                self._waiting.append(job)
                reports = self._dispatch()
                if timeout is not None:
                    self._wake()
            else:
                reports = [(ticket, Outcome(False, error="cancelled"))]
        self._tell(reports)

    def cancel(self, ticket: int) -> None:
        with self._lock:
            queued = [job for job in self._waiting if job.ticket == ticket]
            for job in queued:
                self._waiting.remove(job)
            for worker in self._workers:
                if worker.job is not None and worker.job.ticket == ticket:
                    worker.end("cancelled")
        self._tell([(job.ticket, Outcome(False, error="cancelled")) for job in queued])

    def close(self) -> None:
        with self._lock:
            if self._closed_at is not None:
                return
            self._closed_at = time.monotonic()
            queued = list(self._waiting)
            self._waiting.clear()
            for worker in self._workers:
                if worker.job is not None:
                    worker.end("cancelled")
                else:
                    worker.let_go()
            self._wake()
        self._tell([(job.ticket, Outcome(False, error="cancelled")) for job in queued])
        self._watcher.join()
        self._selector.close()
        os.close(self._wake_end)
        os.close(self._waker)

    def forget_workers(self) -> None:
        """Close this process's ends of the workers' pipes: for a fork of the engine, which must not keep them alive."""
        for worker in self._workers:
            worker.let_go()

    def _dispatch(self) -> list[tuple[int, Outcome]]:
        """Give waiting jobs to workers while there is room; returns what could not be started. Needs the lock."""
        unstarted = []
        while self._waiting and self._closed_at is None:
            job = self._waiting[0]
            if self._idle:
                worker = self._idle.pop()
            elif len(self._workers) < self._limit:
                try:
                    worker = self._hire()
                except OSError as error:
                    self._waiting.popleft()
                    unstarted.append((job.ticket, Outcome(False, error=f"no worker process could be started: {error}")))
                    continue
            else:
                break
            try:
                worker.give(job)
            except BrokenPipeError:  # it died while idle and awaits its burial
                worker.job = None
            else:
                self._waiting.popleft()
        return unstarted

    def _hire(self) -> Worker:
        worker = Worker(self._level)
        self._workers.add(worker)
        self._selector.register(worker.outcomes, selectors.EVENT_READ, (self._hear, worker))
        if worker.death is not None:
            self._selector.register(worker.death, selectors.EVENT_READ, (self._bury, worker))
        return worker

    def _watch(self) -> None:
        """React to workers and deadlines until the executor is closed and the last worker is buried."""
        while self._closed_at is None or self._workers:
            for key, _ in self._selector.select(self._patience()):
                if key.data is None:
                    os.read(self._wake_end, 4096)
                else:
                    react, worker = key.data
                    if not worker.gone:
                        react(worker)
            self._end_late()

    def _patience(self) -> float | None:
        """Seconds until the next deadline, None if there is none."""
        with self._lock:
            deadlines = [worker.deadline for worker in self._workers if worker.deadline is not None]
            if self._closed_at is not None:
                deadlines.append(self._closed_at + GRACE)
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _end_late(self) -> None:
        """End the workers whose job is out of time, or which do not leave by themselves after `close`."""
        with self._lock:
            now = time.monotonic()
            for worker in self._workers:
                if worker.deadline is not None and worker.deadline <= now:
                    worker.time_out()
                elif self._closed_at is not None and self._closed_at + GRACE <= now:
                    worker.end("cancelled")

    def _hear(self, worker: Worker) -> None:
        """Take in what the worker has written."""
        messages, more = worker.read()
        reports = []
        with self._lock:
            for message in messages:
                if message == READY:
                    worker.is_ready()
                elif worker.job is not None and worker.verdict is None:
                    reports.append((worker.job.ticket, _unpacked(message)))
                    worker.finish()
                    if not worker.gone:
                        self._idle.append(worker)
            reports += self._dispatch()
        self._tell(reports)
        if not more and not worker.gone:
            self._selector.unregister(worker.outcomes)
            if worker.death is None:
                self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        """Take leave of a dead worker; the job that it still had has failed."""
        worker.gone = True
        self._hear(worker)
        for end in (worker.outcomes, worker.death):
            if end is not None and end in self._selector.get_map():
                self._selector.unregister(end)
        with self._lock:
            job = worker.job
            why = worker.bury()
            self._workers.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)
            reports = self._dispatch()
        if job is not None:
            reports.append((job.ticket, Outcome(False, error=why)))
        self._tell(reports)

    def _wake(self) -> None:
        """Make the watcher look at the deadlines again."""
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
            os.write(self._waker, b"!")

    def _tell(self, reports: list[tuple[int, Outcome]]) -> None:
        """Report outside the lock, so that the engine may start the next call from within."""
        for ticket, outcome in reports:
            try:
                self.report(ticket, outcome)
            except Exception:
                _log.exception("the outcome of call %s could not be reported", ticket)


def _forget_in_forks(executor: ProcessExecutor) -> None:
    """Keep processes that the engine forks from holding the pipes by which workers notice its end."""
    reference = weakref.ref(executor)

    def forget() -> None:
        if (alive := reference()) is not None:
            alive.forget_workers()

    os.register_at_fork(after_in_child=forget)
