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

from eventcore.act.envelope import Call, failed, pack, portable, travels_by_name
from eventcore.act.executor import CANCELLED, HANDED_BACK, Executor, Report, Setting
from eventcore.act.executors.worker import LEAVING, READY, RETIRED
from eventcore.act.executors.worker_process import Job, WorkerProcess
from eventcore.define.outcome import Emission, Outcome

_log = logging.getLogger(__name__)

#: Seconds that the watcher sleeps at most: what the system takes as a time to wait has its limits.
LONGEST_SLEEP = 3600.0

#: How many workers may start at the same time: starting is work for a processor, and short calls need few workers.
STARTING_AT_ONCE = os.cpu_count() or 1

#: Seconds after which a worker that has not said that it is ready gets a call all the same, whose time then counts.
LONGEST_START = 10.0

#: The worker in a row that dies while it starts and fails a call that waits for one; each one after it does, too.
TRIES = 3

#: How long `close` lets idle workers run their exit handlers, in seconds.
GRACE = 0.25

#: What is to be told of calls, by their tickets.
_Reports = list[tuple[int, Outcome | Emission]]


def _unpackable(call: Call, error: Exception) -> Outcome:
    """The outcome of a call that cannot leave this process."""
    outcome = failed(error)
    text = (
        f"step {call.view.name!r} cannot be sent to a worker process, because its function or arguments cannot be "
        f"pickled ({outcome.error}); pass something that can be pickled, or set the step's task_construct to 'thread'"
    )
    return Outcome(False, error=text, traceback=outcome.traceback)


def _unpacked(message: bytes) -> Outcome | Emission:
    """What a worker wrote, as the outcome it should be, or as what its call has emitted."""
    try:
        outcome: Outcome | Emission = pickle.loads(message)  # noqa: S301  a worker of this engine wrote it, to a pipe of its own
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
        self._prepared: WorkerProcess | None = None  #: until the first call
        self._leaving: set[WorkerProcess] = set()  #: workers that get no call any more
        self._idle: list[WorkerProcess] = []  #: those that are ready and have no job
        self._stillborn = 0  #: workers that died while they started, since one was ready
        self._waiting: deque[Job] = deque()
        self._closed_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_end, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._selector.register(self._wake_end, selectors.EVENT_READ)
        self._watcher = threading.Thread(target=self._watch, name="eventcore-workers", daemon=True)
        self._watcher.start()
        _executors.add(self)

    @classmethod
    def capacity(cls, max_concurrent: int) -> int | None:
        """What the machine can handle, if the configuration sets no limit."""
        return max(16, 4 * (os.cpu_count() or 1)) if max_concurrent < 1 else None

    @classmethod
    def leaves_process(cls, construct: Any) -> bool:
        return True

    def prepare(self, function: Callable[..., object]) -> None:
        """Start the first worker, and let it import the function's module."""
        with self._lock, contextlib.suppress(OSError):
            if self._closed_at is None and not self._workers:
                self._prepared = self._hire(function)

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        try:
            message = pickle.dumps((dict(call.environment), pack(call)))
            job = Job(ticket, message, timeout, call.view, call.function, call.log)
        except Exception as error:
            self._tell([(ticket, _unpackable(call, error))])
            return
        with self._lock:
            if self._closed_at is None:
                self._check_prepared()
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

    def hand_back(self) -> None:
        with self._lock:
            queued = list(self._waiting)
            self._waiting.clear()
            for worker in self._workers:
                if worker.job is not None:
                    worker.hand_back()
        self._tell([(job.ticket, HANDED_BACK) for job in queued])

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
        for worker in (*self._workers, *self._leaving):
            worker.let_go()

    def _check_prepared(self) -> None:
        """At the first call, dismiss a prepared worker that was started in other surroundings. Needs the lock."""
        worker, self._prepared = self._prepared, None
        if worker in self._workers and not worker.is_up_to_date():  # it may have died
            worker.end("cancelled")  # its burial makes room
            if worker in self._idle:
                self._idle.remove(worker)

    def _dispatch(self) -> _Reports:
        """Give waiting jobs to workers that are ready, and start more where they are needed and there is room.

        Returns what could not be started. Needs the lock.
        """
        while self._waiting and self._idle and self._closed_at is None:
            worker = self._idle.pop()
            with contextlib.suppress(BrokenPipeError):  # it died while idle and awaits its burial
                worker.give(self._waiting[0])
                self._waiting.popleft()
                if worker.is_sending:
                    self._selector.register(worker.calls, selectors.EVENT_WRITE, (self._push, worker))
        unstarted = _Reports()
        while self._waiting and self._closed_at is None and self._has_room():
            try:
                self._hire(self._waiting[0].function)
            except OSError as error:
                if self._workers:
                    break
                failure = Outcome(False, error=f"no worker process could be started: {error}")
                unstarted.append((self._waiting.popleft().ticket, failure))
        return unstarted

    def _has_room(self) -> bool:
        """Whether one more worker is needed and allowed."""
        starting = sum(not worker.is_ready for worker in self._workers)
        return starting < min(len(self._waiting), STARTING_AT_ONCE) and len(self._workers) < self._limit

    def _hire(self, function: Callable[..., object]) -> WorkerProcess:
        """Start a worker that imports the module of the function, which its first call is likely to be of."""
        module = function.__module__ if travels_by_name(portable(function)) else None
        worker = WorkerProcess(self.setting.logging_level, module)
        worker.deadline = time.monotonic() + LONGEST_START
        self._wake()
        self._workers.add(worker)
        self._selector.register(worker.outcomes, selectors.EVENT_READ, (self._hear, worker))
        if worker.death is not None:
            self._selector.register(worker.death, selectors.EVENT_READ, (self._bury, worker))
        return worker

    def _watch(self) -> None:
        """React to workers and deadlines until the executor is closed and the last worker is cleaned up.

        Outcomes are told last: the engine then has the interpreter for itself.
        """
        patience: float | None = None
        while self._closed_at is None or self._workers or self._leaving:
            reports = _Reports()
            for key, _ in self._selector.select(patience):
                if key.data is None:
                    os.read(self._wake_end, 4096)
                else:
                    react, worker = key.data
                    if not worker.gone:
                        reports += react(worker)
            reports += self._end_late()
            patience = self._patience()
            self._tell(reports)

    def _patience(self) -> float | None:
        """Seconds until the next deadline, None if there is none."""
        with self._lock:
            known = (*self._workers, *self._leaving)
            deadlines = [worker.deadline for worker in known if worker.deadline is not None]
            if self._closed_at is not None:
                deadlines.append(self._closed_at + GRACE)
        return min(max(0.0, min(deadlines) - time.monotonic()), LONGEST_SLEEP) if deadlines else None

    def _end_late(self) -> _Reports:
        """React to deadlines: of jobs, of starting, and of leaving after `close`."""
        with self._lock:
            now = time.monotonic()
            for worker in self._workers:
                if worker.deadline is not None and worker.deadline <= now:
                    if worker.is_ready:
                        worker.time_out()
                    else:
                        self._is_ready(worker)
                elif self._must_leave(now):
                    worker.dismiss()
            for worker in self._leaving:
                if (worker.deadline is not None and worker.deadline <= now) or self._must_leave(now):
                    worker.deadline = None
                    worker.dismiss()
            return self._dispatch()

    def _must_leave(self, now: float) -> bool:
        return self._closed_at is not None and self._closed_at + GRACE <= now

    def _hear(self, worker: WorkerProcess) -> _Reports:
        """Take in what the worker has written."""
        messages, more = worker.read()
        reports = _Reports()
        with self._lock:
            for message in messages:
                if message == READY:
                    self._is_ready(worker)
                elif message == RETIRED:
                    self._retire(worker)
                elif worker.job is not None and worker.takes_outcome:
                    found = _unpacked(message)
                    reports.append((worker.job.ticket, found))
                    if type(found) is Emission:
                        continue
                    worker.finish()
                    if not worker.gone and worker.verdict is None:
                        self._idle.append(worker)
            reports += self._dispatch()
        if not more and not worker.gone:
            self._selector.unregister(worker.outcomes)
            if worker.death is None:
                reports += self._bury(worker)
        return reports

    def _is_ready(self, worker: WorkerProcess) -> None:
        if worker.is_ready:
            return
        worker.is_ready, worker.deadline, self._stillborn = True, None, 0
        if not worker.gone and worker.verdict is None:
            self._idle.append(worker)

    def _retire(self, worker: WorkerProcess) -> None:
        """Let a worker leave, and make room for another, which takes over a call given meanwhile. Needs the lock."""
        if worker.verdict is not None:
            return
        if worker in self._idle:
            self._idle.remove(worker)
        if worker.job is not None:
            self._waiting.appendleft(worker.job)
            worker.finish()
        self._workers.discard(worker)
        self._leaving.add(worker)
        worker.deadline = time.monotonic() + 2 * LEAVING

    def _push(self, worker: WorkerProcess) -> _Reports:
        """Hand over more of a job that its worker's pipe did not take at once."""
        with self._lock:
            with contextlib.suppress(BrokenPipeError):  # its death is about to be noticed
                worker.push()
                if worker.is_sending:
                    return []
            self._selector.unregister(worker.calls)
        return []

    def _bury(self, worker: WorkerProcess) -> _Reports:
        """Clean up after a dead worker; the job that it still had has failed."""
        worker.gone = True
        reports = self._hear(worker)
        for end in (worker.outcomes, worker.death, worker.calls):
            if end is not None and end in self._selector.get_map():
                self._selector.unregister(end)
        with self._lock:
            job = worker.job
            why = worker.bury()
            self._workers.discard(worker)
            self._leaving.discard(worker)
            if worker in self._idle:
                self._idle.remove(worker)
            if not worker.is_ready and worker.verdict is None:
                self._stillborn += 1
                if self._stillborn >= TRIES and self._waiting:
                    reports.append((self._waiting.popleft().ticket, Outcome(False, error=why)))
            reports += self._dispatch()
        if job is not None:
            how = HANDED_BACK if worker.is_handed_back else Outcome(False, error=why, seconds=worker.seconds)
            reports.append((job.ticket, how))
        return reports

    def _wake(self) -> None:
        """Make the watcher look at the deadlines again."""
        with contextlib.suppress(BlockingIOError):  # it is full of wake-ups already
            os.write(self._waker, b"!")

    def _tell(self, reports: _Reports) -> None:
        """Report outside the lock, so that the engine may start the next call from within."""
        for ticket, outcome in reports:
            try:
                self.report(ticket, outcome)
            except Exception:
                _log.exception("the outcome of call %s could not be reported", ticket)


_executors: weakref.WeakSet[ProcessExecutor] = weakref.WeakSet()


def _forget_in_a_fork() -> None:
    """Keep a process that the engine forks from holding the pipes by which workers notice the engine's end."""
    for executor in list(_executors):
        executor.forget_workers()


os.register_at_fork(after_in_child=_forget_in_a_fork)
