"""A run in the background: it goes on in a thread of its own, and the program goes on, too."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol

from eventcore.act.system_clock import SystemClock
from eventcore.define.answer import Answer
from eventcore.errors import RunHeldError, StoreError
from eventcore.run.beginning import Beginning
from eventcore.run.waiting import Interrupted

if TYPE_CHECKING:
    from eventcore.record.reading import Reader
    from eventcore.run.session import Session

log = logging.getLogger("eventcore")


class InBackground(Protocol):
    """The program object whose run it is."""

    _session: Session | None

    @property
    def run_id(self) -> str:
        """The id of its run; empty while it is not known."""

    def reading(self) -> AbstractContextManager[Reader]:
        """Open the store of its runs to read it."""

    def pause(self) -> Answer:
        """Pause the run."""

    def resume(self) -> Answer:
        """Resume it."""

    def cancel(self) -> Answer:
        """Cancel it."""


class BackgroundRun:
    """A run that `run(background=True)` has started.

    Python waits for it before the program ends. Steps run where they would run otherwise, in processes by default.

        going = flow.run(background=True)
        ...
        if not going.wait():
            print(going.run_id, going.status)
    """

    def __init__(self, program: InBackground, beginning: Beginning, work: Callable[[], bool]) -> None:
        self._program = program
        self._beginning = beginning
        self._work = work
        self._answer: bool | None = None
        self._error: BaseException | None = None
        self._is_over = threading.Event()
        context = copy_context()  # in which a notebook knows the cell that shows the run
        self._thread = threading.Thread(target=context.run, args=(self._run,), name="eventcore-run", daemon=False)

    def start(self) -> None:
        """Begin; called once, by `run`."""
        self._thread.start()

    @property
    def run_id(self) -> str:
        """The run's id; to recover or continue the latest run, it waits until that has been found."""
        if not self._program.run_id:
            self._beginning.wait()
        return self._program.run_id

    @property
    def status(self) -> str:
        """How the run stands, as `sequent status` says: `running`, `paused`, `success` and so on.

        A run in memory is `running` until it is over.
        """
        try:
            with self._program.reading() as reader:
                return reader.run(self._program.run_id or None, SystemClock().wall()).state
        except RunHeldError:
            return "running"
        except StoreError:  # it has not been entered yet, or will never be
            return "interrupted" if self._is_over.is_set() else "running"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is over; returns what `run` returns, and raises what it raises.

        Raises `TimeoutError` if that takes longer than `timeout` seconds; the run goes on. Ctrl-C stops the run as it
        stops one in the foreground: running steps finish, nothing new starts, and it can be continued.
        """
        try:
            is_over = self._is_over.wait(timeout)
        except KeyboardInterrupt:
            self._interrupt()
            raise
        if not is_over:
            raise TimeoutError(f"run {self._program.run_id!r} is not over after {timeout:g} s; it goes on")
        if self._error is not None:
            raise self._error
        assert self._answer is not None
        return self._answer

    def pause(self) -> Answer:
        """Pause the run: nothing new starts until it is resumed; running steps continue."""
        return self._program.pause()

    def resume(self) -> Answer:
        """Resume the paused run."""
        return self._program.resume()

    def cancel(self) -> Answer:
        """Cancel the run."""
        return self._program.cancel()

    @property
    def is_elsewhere(self) -> bool:
        """Whether another thread than the one that asks works on it."""
        return not self._is_over.is_set() and threading.current_thread() is not self._thread

    def _interrupt(self) -> None:
        """Have the engine stop in an orderly way, and wait for that."""
        self._beginning.wait()
        session = self._program._session
        if session is not None:
            session.tell(Interrupted())
        self._is_over.wait()

    def _run(self) -> None:
        try:
            self._answer = self._work()
        except BaseException as error:
            self._error = error
            if not isinstance(error, KeyboardInterrupt):
                log.error("Run %s in the background: %s: %s", self._program.run_id, type(error).__name__, error)
        finally:
            self._is_over.set()
