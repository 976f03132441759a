"""Runs steps on any `concurrent.futures.Executor`: threads, or an engine such as Dask through its own factory.

The executor gets one positional envelope. Executors of other processes must be able to unpickle it, so it is packed
unless the executor is known to stay in this process. A call that outlives its timeout is reported as failed and its
future cancelled; where the executor cannot end it, it runs on and what it brings is dropped.
"""

import logging
import threading
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from concurrent.futures import Executor as FuturesApi
from functools import partial
from typing import Any

from eventcore.act.alarms import Alarms
from eventcore.act.envelope import Call, Tell, failed, pack, perform, perform_packed
from eventcore.act.executor import CANCELLED, Executor, Report, Setting
from eventcore.act.routing import installed
from eventcore.act.steplog import LogTarget
from eventcore.define.outcome import Outcome
from eventcore.errors import ConfigError

log = logging.getLogger("eventcore")


def perform_elsewhere(body: bytes, log: LogTarget | None) -> Outcome:
    """Perform a packed call in a process of somebody else's pool, whose streams no engine has routed."""
    if log is None:
        return perform_packed(body)
    with installed(log.level, console=log.console):
        return perform_packed(body)


class FuturesExecutor(Executor):
    """An executor of the standard interface behind the engine's contract; its factory makes it at the first call."""

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._pool: FuturesApi | None = None
        self._lock = threading.Lock()  # guards all below
        self._open: dict[int, tuple[Future[Outcome], int | None]] = {}  #: with the number of its alarm
        self._abandoned = False  #: something was reported while it may still run
        self._closed = False
        self._alarms = Alarms()

    @classmethod
    def leaves_process(cls, construct: Any) -> bool:
        """For a factory that is not a class, this is known only at run time."""
        return isinstance(construct, type) and not issubclass(construct, ThreadPoolExecutor)

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Submit the call; whatever submitting raises is a failure of this call."""
        if self._closed:
            self.report(ticket, CANCELLED)
            return
        try:
            future = self._submitted(call, partial(self.report, ticket))
        except Exception as error:
            self.report(ticket, failed(error))
            return
        with self._lock:
            late = partial(self._give_up, ticket, f"timed out after {timeout or 0:g} s")
            self._open[ticket] = future, None if timeout is None else self._alarms.set(timeout, late)
        try:
            future.add_done_callback(lambda done: self._done(ticket, done))
        except Exception as error:
            if self._forget(ticket) is not None:
                self.report(ticket, failed(error))

    def cancel(self, ticket: int) -> None:
        """Report the call as cancelled; its thread or worker may run on, and what it brings is dropped."""
        self._give_up(ticket, "cancelled")

    def close(self) -> None:
        """Give up running and waiting calls; calls in threads cannot be ended and are not waited for."""
        with self._lock:
            self._closed = True
            tickets = list(self._open)
        for ticket in tickets:
            self._give_up(ticket, "cancelled")
        self._alarms.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=not self._abandoned, cancel_futures=True)

    def _factory(self) -> FuturesApi:
        made: FuturesApi = self.setting.construct()
        return made

    def _submit(self, pool: FuturesApi, call: Call, tell: Tell) -> Future[Outcome]:
        if isinstance(pool, ThreadPoolExecutor):
            return pool.submit(perform, call, tell)
        return pool.submit(perform_elsewhere, pack(call), call.log)

    def _submitted(self, call: Call, tell: Tell) -> Future[Outcome]:
        pool = self._pool or self._made()
        try:
            return self._submit(pool, call, tell)
        except BrokenExecutor:  # a step ended its worker: that harms the calls it had then, and no later one
            pool.shutdown(wait=False)
            return self._submit(self._made(), call, tell)

    def _made(self) -> FuturesApi:
        pool = self._factory()
        if not isinstance(pool, FuturesApi):
            raise ConfigError(
                f"task_construct: {self.setting.construct!r} made {pool!r}, which is not a "
                "concurrent.futures.Executor; give a factory that returns one"
            )
        self._pool = pool
        return pool

    def _give_up(self, ticket: int, error: str) -> None:
        future = self._forget(ticket)
        if future is not None:
            self._abandoned = True  # what `cancel` answers is not to be relied on
            self.report(ticket, Outcome(False, error=error))
            try:
                future.cancel()
            except Exception:
                log.exception("The call of a step that %s could not be cancelled", error)

    def _done(self, ticket: int, future: Future[Outcome]) -> None:
        if self._forget(ticket) is None:
            return
        try:
            outcome = future.result()
        except BaseException as error:  # a step's own KeyboardInterrupt, a cancelled future: neither may be lost
            outcome = failed(error)
        self.report(ticket, outcome)

    def _forget(self, ticket: int) -> Future[Outcome] | None:
        with self._lock:
            future, alarm = self._open.pop(ticket, (None, None))
        self._alarms.cancel(alarm)
        return future
