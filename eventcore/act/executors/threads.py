"""Runs steps in threads of the engine's process."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor as FuturesApi
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

from eventcore.act.envelope import Call, Tell, perform
from eventcore.act.executors.futures import FuturesExecutor
from eventcore.define.outcome import Outcome


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


class ThreadExecutor(FuturesExecutor):
    """For steps that mostly wait; a thread cannot be ended, so a late call runs on and its result is dropped."""

    def _factory(self) -> FuturesApi:
        return Threads()

    def _submit(self, pool: FuturesApi, call: Call, tell: Tell) -> Future[Outcome]:
        return pool.submit(perform, call, tell)
