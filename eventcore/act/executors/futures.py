"""Runs steps on any `concurrent.futures.Executor`: threads, or an engine such as Dask through its own factory.

The executor gets one positional envelope. Executors of other processes must be able to unpickle it, so it is packed
unless the executor is known to stay in this process. A call that outlives its timeout is reported as failed and its
future cancelled; where the executor cannot end it, it runs on and what it brings is dropped.
"""

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from concurrent.futures import Executor as FuturesApi
from queue import SimpleQueue
from typing import Any

from eventcore.act.envelope import Call, Outcome, failed, pack, perform, perform_packed
from eventcore.act.executors.base import Executor, Report
from eventcore.errors import ConfigError


class Threads(FuturesApi):
    """As many threads as are busy at once: the engine limits that, and one that never ends keeps nothing waiting.

    They are reused, since starting one costs more than a short step, and they do not keep the program from ending.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run the call in an idle thread, or else in a new one."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                self._idle.release()
                future.set_exception(error)
            else:
                self._idle.release()
                future.set_result(result)

        self._work.put(run)
        if not self._idle.acquire(blocking=False):
            self._threads += 1
            threading.Thread(target=self._serve, name="eventcore-step", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Have each thread end after what it does; nobody waits for that."""
        for _ in range(self._threads):
            self._work.put(None)

    def _serve(self) -> None:
        while (run := self._work.get()) is not None:
            run()
            del run


class FuturesExecutor(Executor):
    """An executor of the standard interface behind the engine's contract; `factory` makes it at the first call."""

    def __init__(self, report: Report, factory: Callable[[], FuturesApi]) -> None:
        super().__init__(report)
        self._factory = factory
        self._pool: FuturesApi | None = None
        self._open: dict[int, tuple[Future[Outcome], threading.Timer | None]] = {}
        self._abandoned = False  #: something was reported while it may still run
        self._lock = threading.Lock()

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Submit the call; whatever submitting raises is a failure of this call."""
        try:
            future = self._submitted(call)
        except Exception as error:
            self.report(ticket, failed(error))
            return
        timer = None
        if timeout is not None:
            timer = threading.Timer(timeout, self._end, (ticket, f"timed out after {timeout:g} s"))
            timer.daemon = True
        with self._lock:
            self._open[ticket] = (future, timer)
        if timer is not None:
            timer.start()
        future.add_done_callback(lambda done: self._done(ticket, done))

    def cancel(self, ticket: int) -> None:
        """Report the call as cancelled; its thread or worker may run on, and what it brings is dropped."""
        self._end(ticket, "cancelled")

    def close(self) -> None:
        """Drop what waits; what runs in threads cannot be ended and is not waited for."""
        with self._lock:
            opened, self._open = list(self._open.values()), {}
        for future, timer in opened:
            if timer is not None:
                timer.cancel()
            future.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=not (opened or self._abandoned), cancel_futures=True)
            self._pool = None

    def _submitted(self, call: Call) -> Future[Outcome]:
        pool = self._pool or self._made()
        try:
            return _submitted_to(pool, call)
        except BrokenExecutor:  # a step ended its worker: that harms the calls it had then, and no later one
            pool.shutdown(wait=False)
            return _submitted_to(self._made(), call)

    def _made(self) -> FuturesApi:
        pool = self._factory()
        if not isinstance(pool, FuturesApi):
            raise ConfigError(
                f"task_construct: {self._factory!r} made {pool!r}, which is no concurrent.futures.Executor; "
                "give a factory that returns one"
            )
        self._pool = pool
        return pool

    def _end(self, ticket: int, error: str) -> None:
        future = self._forget(ticket)
        if future is not None:
            self._abandoned |= not future.cancel()
            self.report(ticket, Outcome(False, error=error))

    def _done(self, ticket: int, future: Future[Outcome]) -> None:
        if self._forget(ticket) is None:
            return
        try:
            outcome = future.result()
        except (
            BaseException
        ) as error:  # a step's own KeyboardInterrupt, a cancelled future: the report must not be lost
            outcome = failed(error)
        self.report(ticket, outcome)

    def _forget(self, ticket: int) -> Future[Outcome] | None:
        with self._lock:
            future, timer = self._open.pop(ticket, (None, None))
        if timer is not None:
            timer.cancel()
        return future


def _submitted_to(pool: FuturesApi, call: Call) -> Future[Outcome]:
    if isinstance(pool, (Threads, ThreadPoolExecutor)):
        return pool.submit(perform, call)
    return pool.submit(perform_packed, pack(call))
