"""Runs coroutine functions side by side in one event loop of their own thread."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from eventcore.act.alarms import Alarms
from eventcore.act.envelope import Call, Tell, failed, perform_async
from eventcore.act.executor import CANCELLED, HANDED_BACK, Executor, Report, Setting
from eventcore.define.outcome import Outcome

#: Seconds in which a loop must hear of a call that is to end, and in which calls must end that are out of time or ended
#: by `close`.
GRACE = 2.0


class AsyncExecutor(Executor):
    """For steps that mostly wait for the network; a plain function runs, too, but blocks the others.

    A call that is to end while its loop is blocked is given up; those that this loop has not begun, and later ones, get
    another loop. A call that is out of time and goes on when it is cancelled is given up, too.
    """

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._lock = threading.Lock()  # guards all below
        self._open: dict[int, _Started] = {}  #: those not reported
        self._loops: list[_Loop] = []
        self._loop: _Loop | None = None  #: the one for the next call
        self._closed = False
        self._alarms = Alarms()

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Hand the call to the loop, which is started with the first one."""
        with self._lock:
            if not self._closed:
                self._hand_over(ticket, call, timeout)
                return
        self.report(ticket, CANCELLED)

    def cancel(self, ticket: int) -> None:
        """Cancel the call at its next await; it is given up if the loop is blocked."""
        with self._lock:
            started = None if self._closed else self._open.get(ticket)
        if started is not None:
            self._end(ticket, started, CANCELLED)

    def hand_back(self) -> None:
        """Cancel the calls at their next await; one that has not begun, since its loop is blocked, is taken back."""
        with self._lock:
            begun = {ticket: started for ticket, started in self._open.items() if started.has_begun}
            queued = [ticket for ticket in self._open if ticket not in begun]
        for ticket in queued:
            self._report_once(ticket, HANDED_BACK)
        for ticket, started in begun.items():
            started.is_handed_back = True
            started.loop.tell(partial(started.loop.cancel, ticket))

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

    def _hand_over(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Have the present loop begin the call. Needs the lock."""
        if self._loop is None:
            self._loop = _Loop()
            self._loops.append(self._loop)
        started = self._open[ticket] = _Started(self._loop, call, timeout)
        self._loop.tell(lambda: self._begin(ticket, started))

    def _begin(self, ticket: int, started: "_Started") -> None:
        """Run the call, in the loop's thread, unless it was given up or handed to another loop meanwhile."""
        with self._lock:
            if self._open.get(ticket) is not started:
                return
            started.has_begun = True
        late, timeout = None, started.timeout
        if timeout is not None:
            late = self._alarms.set(timeout, lambda: self._time_out(ticket, started))

        def done(task: asyncio.Task[Outcome]) -> None:
            self._alarms.cancel(late)
            outcome = started.verdict or (CANCELLED if task.cancelled() else task.result())
            self._report_once(ticket, HANDED_BACK if started.is_handed_back and outcome is CANCELLED else outcome)

        started.loop.begin(ticket, _run(started.call, partial(self.report, ticket)), done)

    def _time_out(self, ticket: int, started: "_Started") -> None:
        late = started.verdict = Outcome(False, error=f"timed out after {started.timeout:g} s")
        self._end(ticket, started, late)

    def _end(self, ticket: int, started: "_Started", outcome: Outcome) -> None:
        """Have the loop end the call; if it does not hear of this in time, or is late and goes on, report `outcome`."""
        has_heard = threading.Event()

        def heard() -> None:
            has_heard.set()
            if started.verdict is None:
                self._alarms.cancel(alarm)
            started.loop.cancel(ticket)

        alarm = self._alarms.set(GRACE, lambda: self._give_up(ticket, started.loop, outcome, has_heard.is_set()))
        started.loop.tell(heard)

    def _give_up(self, ticket: int, loop: "_Loop", outcome: Outcome, is_alive: bool) -> None:
        if not is_alive:
            self._abandon(loop, ticket)
        self._report_once(ticket, outcome)

    def _abandon(self, blocked: "_Loop", ticket: int) -> None:
        """Have another loop begin what this one has not begun, apart from the call that is given up."""
        with self._lock:
            if blocked is self._loop:
                self._loop = None
            for other, started in list(self._open.items()):
                if started.loop is blocked and not started.has_begun and other != ticket:
                    self._hand_over(other, started.call, started.timeout)

    def _report_once(self, ticket: int, outcome: Outcome) -> None:
        with self._lock:
            if self._open.pop(ticket, None) is None:
                return
        self.report(ticket, outcome)


class _Started(msgspec.Struct):
    """A call that was started."""

    loop: "_Loop"
    call: Call
    timeout: float | None
    has_begun: bool = False
    verdict: Outcome | None = None  #: that it is out of time
    is_handed_back: bool = False  #: where it is cancelled, it is to begin again


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


async def _run(call: Call, tell: Tell) -> Outcome:
    try:
        return await perform_async(call, tell)
    except asyncio.CancelledError:
        return CANCELLED
    except BaseException as error:  # raised out of the loop, it would end all calls
        return failed(error)
