"""Runs coroutine functions side by side in one event loop of their own thread."""

import asyncio
import threading

from eventcore.act.envelope import Call, Outcome, failed, perform_async
from eventcore.act.executor import CANCELLED, Executor, Report, Setting

#: How long `close` lets cancelled coroutines put things in order, in seconds.
GRACE = 2.0


class AsyncExecutor(Executor):
    """For steps that mostly wait for the network; a plain function runs, too, but blocks the others."""

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._lock = threading.Lock()  # guards the two below
        self._open: set[int] = set()  #: started and not reported
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[int, asyncio.Task[Outcome]] = {}  #: the loop's thread alone uses it

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Hand the call to the loop, which is started with the first one."""
        with self._lock:
            if not self._closed:
                self._open.add(ticket)
                self._running_loop().call_soon_threadsafe(self._begin, ticket, call, timeout)
                return
        self.report(ticket, CANCELLED)

    def cancel(self, ticket: int) -> None:
        """Cancel the call at its next await."""
        with self._lock:
            if self._loop is not None and not self._closed:
                self._loop.call_soon_threadsafe(self._cancel_task, ticket)

    def close(self) -> None:
        """Cancel what runs and stop the loop; a call that blocks it is not waited for."""
        with self._lock:
            loop, thread, was_closed, self._closed = self._loop, self._thread, self._closed, True
        if was_closed or loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._cancel_all(), loop)
        thread.join(GRACE)
        for ticket in list(self._open):
            self._report_once(ticket, CANCELLED)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_serve, args=(self._loop,), name="eventcore-async", daemon=True)
            self._thread.start()
        return self._loop

    def _begin(self, ticket: int, call: Call, timeout: float | None) -> None:
        task = self._tasks[ticket] = asyncio.get_running_loop().create_task(_run(call, timeout))
        task.add_done_callback(lambda done: self._done(ticket, done))

    def _done(self, ticket: int, task: asyncio.Task[Outcome]) -> None:
        del self._tasks[ticket]
        self._report_once(ticket, CANCELLED if task.cancelled() else task.result())

    def _report_once(self, ticket: int, outcome: Outcome) -> None:
        with self._lock:
            if ticket not in self._open:
                return
            self._open.discard(ticket)
        self.report(ticket, outcome)

    def _cancel_task(self, ticket: int) -> None:
        if ticket in self._tasks:
            self._tasks[ticket].cancel()

    async def _cancel_all(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        asyncio.get_running_loop().stop()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


async def _run(call: Call, timeout: float | None) -> Outcome:
    try:
        async with asyncio.timeout(timeout):
            return await perform_async(call)
    except TimeoutError:
        return Outcome(False, error=f"timed out after {timeout:g} s")
    except asyncio.CancelledError:
        return CANCELLED
    except BaseException as error:  # raised out of the loop, it would end all calls
        return failed(error)
