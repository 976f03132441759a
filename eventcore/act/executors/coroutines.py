"""Runs coroutine functions side by side in one event loop of their own thread."""

import asyncio
import threading

from eventcore.act.envelope import Call, Outcome, failed, perform_async
from eventcore.act.executors.base import Executor, Report


class AsyncExecutor(Executor):
    """For steps that wait for the network most of the time; a plain function runs too, and blocks the others."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Hand the call to the loop, which is started with the first one."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="eventcore-async", daemon=True)
            self._thread.start()
        self._loop.call_soon_threadsafe(self._begin, ticket, call, timeout)

    def cancel(self, ticket: int) -> None:
        """Cancel the call at its next await."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel_task, ticket)

    def close(self) -> None:
        """Cancel what runs and stop the loop; a call that blocks it is not waited for."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._cancel_all(), loop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            loop.close()

    def _begin(self, ticket: int, call: Call, timeout: float | None) -> None:
        self._tasks[ticket] = asyncio.get_running_loop().create_task(self._run(ticket, call, timeout))

    async def _run(self, ticket: int, call: Call, timeout: float | None) -> None:
        try:
            async with asyncio.timeout(timeout):
                outcome = await perform_async(call)
        except TimeoutError:
            outcome = Outcome(False, error=f"timed out after {timeout:g} s")
        except asyncio.CancelledError:
            outcome = Outcome(False, error="cancelled")
        except BaseException as error:
            outcome = failed(error)
        self._tasks.pop(ticket, None)
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
