"""Steps in worker processes, which are reused from step to step and ended one by one.

`docs/process-pool.md` says why this is not a library's pool.
"""

import contextlib
import logging
import os
import pickle
import selectors
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from eventcore.act.envelope import Call, Outcome, failed, pack, portable, travels_by_name
from eventcore.act.executor import CANCELLED, Executor, Report, Setting
from eventcore.act.executors.worker import READY
from eventcore.act.executors.worker_process import Job, WorkerProcess

_log = logging.getLogger(__name__)

#: How long `close` lets idle workers run their exit handlers, in seconds.
GRACE = 0.25


def _unpackable(call: Call, error: Exception) -> Outcome:
    """The outcome of a call that cannot leave this process."""
    outcome = failed(error)
    text = (
        f"step {call.view.name!r} cannot be sent to a worker process, because its function or arguments cannot be "
        f"pickled ({outcome.error}); pass something that can be pickled, or set the step's task_construct to 'thread'"
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
    """Runs calls in up to `capacity` processes, which start when there is work for them.

    A call that ends its process, is out of time or is cancelled takes down this process and those it started, and no
    other call. A call's time begins when its worker is ready to run it. Workers do not outlive the engine.
    """

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._limit = self.capacity(setting.max_concurrent) or setting.max_concurrent
        self._lock = threading.Lock()  # guards all below, and the state of each worker
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._waiting: deque[Job] = deque()
        self._closed_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_end, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._selector.register(self._wake_end, selectors.EVENT_READ)
        self._watcher = threading.Thread(target=self._watch, name="eventcore-workers", daemon=True)
        self._watcher.start()
        _forget_in_forks(self)

    @classmethod
    def capacity(cls, max_concurrent: int) -> int | None:
        """What the machine can handle, if the configuration sets no limit."""
        return max(16, 4 * (os.cpu_count() or 1)) if max_concurrent < 1 else None

    @classmethod
    def leaves_process(cls, construct: Any) -> bool:
        return True

    def prepare(self, function: Callable[..., object]) -> None:
        """Start the first worker, and let it import the function's module."""
        module = function.__module__ if travels_by_name(portable(function)) else None
        with self._lock, contextlib.suppress(OSError):
            if self._closed_at is None and not self._workers:
                self._idle.append(self._hire(module))

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        try:
            job = Job(ticket, pickle.dumps((dict(call.environment), pack(call))), timeout, call.view, call.log)
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
                reports = [(ticket, CANCELLED)]
        self._tell(reports)

    def cancel(self, ticket: int) -> None:
        with self._lock:
            queued = [job for job in self._waiting if job.ticket == ticket]
            for job in queued:
                self._waiting.remove(job)
            for worker in self._workers:
                if worker.job is not None and worker.job.ticket == ticket:
                    worker.end("cancelled")
        self._tell([(job.ticket, CANCELLED) for job in queued])

    def close(self) -> None:
        with self._lock:
            if self._closed_at is not None:
                return
            self._closed_at = time.monotonic()
            queued = list(self._waiting)
            self._waiting.clear()
            for worker in self._workers:
                if worker.job is not None or not worker.is_ready:
                    worker.end("cancelled")
                else:
                    worker.let_go()
            self._wake()
        self._tell([(job.ticket, CANCELLED) for job in queued])
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
            worker = self._idle_worker()
            if worker is None:
                if len(self._workers) >= self._limit:
                    break
                try:
                    worker = self._hire()
                except OSError as error:
                    self._waiting.popleft()
                    unstarted.append((job.ticket, Outcome(False, error=f"no worker process could be started: {error}")))
                    continue
            try:
                worker.give(job)
            except BrokenPipeError:  # it died while idle and awaits its burial
                worker.job = None
            else:
                self._waiting.popleft()
        return unstarted

    def _idle_worker(self) -> WorkerProcess | None:
        """An idle worker for the next job; one whose environment is out of date is dismissed."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_up_to_date():
                return worker
            worker.end("cancelled")  # its burial makes room
        return None

    def _hire(self, module: str | None = None) -> WorkerProcess:
        worker = WorkerProcess(self.setting.logging_level, module)
        self._workers.add(worker)
        self._selector.register(worker.outcomes, selectors.EVENT_READ, (self._hear, worker))
        if worker.death is not None:
            self._selector.register(worker.death, selectors.EVENT_READ, (self._bury, worker))
        return worker

    def _watch(self) -> None:
        """React to workers and deadlines until the executor is closed and the last worker is cleaned up."""
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
                    worker.dismiss()

    def _hear(self, worker: WorkerProcess) -> None:
        """Take in what the worker has written."""
        messages, more = worker.read()
        reports = []
        with self._lock:
            for message in messages:
                if message == READY:
                    worker.started()
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

    def _bury(self, worker: WorkerProcess) -> None:
        """Clean up after a dead worker; the job that it still had has failed."""
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
