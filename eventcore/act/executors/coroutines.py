"""Runs coroutine functions side by side in one event loop of their own thread."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from eventcore.act.alarms import Alarms
from eventcore.act.envelope import Call, Tell, failed, perform_async
from eventcore.act.executor import CANCELLED, Executor, Report, Setting
from eventcore.define.outcome import Outcome

#: How long `close` lets cancelled coroutines put things in order, and how long a loop that is to end a call may take to
#: hear of it, in seconds.
GRACE = 2.0


class AsyncExecutor(Executor):
    """For steps that mostly wait for the network; a plain function runs, too, but blocks the others.

    A call that is to end while its loop is blocked is given up, and later calls get another loop.
    """

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._lock = threading.Lock()  # guards all below
        self._open: dict[int, _Loop] = {}  #: started and not reported
        self._loops: list[_Loop] = []
        self._loop: _Loop | None = None  #: the one for the next call
        self._closed = False
        self._alarms = Alarms()

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Hand the call to the loop, which is started with the first one."""
        with self._lock:
            if not self._closed:
                if self._loop is None:
                    self._loop = _Loop()
                    self._loops.append(self._loop)
                loop = self._open[ticket] = self._loop
                loop.tell(lambda: self._begin(loop, ticket, call, timeout))
                return
        self.report(ticket, CANCELLED)

    def cancel(self, ticket: int) -> None:
        """Cancel the call at its next await; it is given up if the loop is blocked."""
        with self._lock:
            loop = None if self._closed else self._open.get(ticket)
        if loop is not None:
            self._end(loop, ticket, CANCELLED)

    def close(self) -> None:
        """Cancel what runs and stop the loops; a call that blocks one is not waited for."""
        with self._lock:
            was_closed, self._closed = self._closed, True
        if was_closed:
            return
        self._alarms.close()
        for loop in self._loops:
            loop.stop()
        over = time.monotonic() + GRACE
        for loop in self._loops:
            loop.thread.join(max(0.0, over - time.monotonic()))
        for ticket in list(self._open):
            self._report_once(ticket, CANCELLED)

    def _begin(self, loop: "_Loop", ticket: int, call: Call, timeout: float | None) -> None:
        """Run the call, in the loop's thread; its timeout is kept from outside, too, since the loop may be blocked."""
        late = None
        if timeout is not None:
            too_late = timed_out(timeout)
            late = self._alarms.set(timeout, lambda: self._end(loop, ticket, too_late, by_timeout=True))

        def done(task: asyncio.Task[Outcome]) -> None:
            self._alarms.cancel(late)
            self._report_once(ticket, CANCELLED if task.cancelled() else task.result())

        loop.begin(ticket, _run(call, timeout, partial(self.report, ticket)), done)

    def _end(self, loop: "_Loop", ticket: int, outcome: Outcome, *, by_timeout: bool = False) -> None:
        """Have the loop end the call; if it does not hear of this in time, report `outcome`."""
        alarm = self._alarms.set(GRACE, lambda: self._give_up(loop, ticket, outcome))

        def heard() -> None:
            self._alarms.cancel(alarm)
            if not by_timeout:  # the loop has a timer of its own for that
                loop.cancel(ticket)

        loop.tell(heard)

    def _give_up(self, loop: "_Loop", ticket: int, outcome: Outcome) -> None:
        with self._lock:
            if loop is self._loop:
                self._loop = None
        self._report_once(ticket, outcome)

    def _report_once(self, ticket: int, outcome: Outcome) -> None:
        with self._lock:
            if self._open.pop(ticket, None) is None:
                return
        self.report(ticket, outcome)


class _Loop:
    """An event loop in a thread of its own, and its tasks, which only this thread uses."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[int, asyncio.Task[Outcome]] = {}
        self.thread = threading.Thread(target=self._serve, name="eventcore-async", daemon=True)
        self.thread.start()

    def tell(self, what: Callable[[], object]) -> None:
        """Have the loop call this; from any thread."""
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(what)

    def stop(self) -> None:
        """Cancel all that runs, and end the thread; from any thread."""
        self.tell(lambda: self._loop.create_task(self._cancel_all()))

    def begin(self, ticket: int, work: Coroutine[Any, Any, Outcome], done: Callable[..., None]) -> None:
        """Run the coroutine as the task of this ticket."""
        task = self._tasks[ticket] = self._loop.create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(ticket))
        task.add_done_callback(done)

    def cancel(self, ticket: int) -> None:
        """Cancel the ticket's task at its next await."""
        if ticket in self._tasks:
            self._tasks[ticket].cancel()

    async def _cancel_all(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loop.stop()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()


def timed_out(timeout: float) -> Outcome:
    """The outcome of a call that has taken longer than so many seconds."""
    return Outcome(False, error=f"timed out after {timeout:g} s")


async def _run(call: Call, timeout: float | None, tell: Tell) -> Outcome:
    try:
        async with asyncio.timeout(timeout):
            return await perform_async(call, tell)
    except TimeoutError:
        return timed_out(timeout or 0.0)
    except asyncio.CancelledError:
        return CANCELLED
    except BaseException as error:  # raised out of the loop, it would end all calls
        return failed(error)
