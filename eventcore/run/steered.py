"""Steering the run of a program object: while it runs, from another thread, or when it has stopped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from eventcore.decide.rerunning import Extent, Rerun
from eventcore.define.answer import Answer
from eventcore.define.event import Event
from eventcore.errors import ConfigError, ProgramError, RunHeldError
from eventcore.run.steering import Steering, rerun_argument

if TYPE_CHECKING:
    from eventcore.run.request import Request


class Steered(ABC):
    """What can be asked of the object's own run; all of it raises `RunNotFoundError` before there is one.

    For what the answers mean see `eventcore.run.steering.Steering`.
    """

    _request: Request

    @abstractmethod
    def _steering(self) -> Steering:
        """Asks the object's run."""

    @abstractmethod
    def _is_running(self) -> bool:
        """Whether this object works on its run."""

    @abstractmethod
    def _carry_out(self, rerun: Rerun, run_id: str) -> None:
        """Recover the run, and rerun some of what has succeeded."""

    @abstractmethod
    def _answer(self, request: int) -> Answer:
        """How a request stands."""

    def pause(self) -> Answer:
        """Pause the run: nothing new starts until it is resumed; running steps continue."""
        return self._steering().pause()

    def resume(self) -> Answer:
        """Resume the paused run; one without an engine continues when it is continued or recovered."""
        return self._steering().resume()

    def cancel(self, path: str | None = None, sequence: int | str | None = None) -> Answer:
        """Cancel the run, or instances of the step at `path` (the one at `sequence`) and everything inside them."""
        return self._steering().cancel(path, sequence)

    def trigger(self, event: Event | str, sequence: int | str | None = None) -> Answer:
        """Trigger an event in the run, at a sequence or a new one; a stopped run sees it when it is continued."""
        return self._steering().trigger(event, sequence)

    def signal(self, path: str, value: object = None, sequence: int | str | None = None) -> Answer:
        """Answer the wait at `path`, the instance at `sequence` or the only one that is waiting, with a value."""
        return self._steering().signal(path, value, sequence)

    def complete(self, ticket: str, value: object = None, *, error: str | None = None) -> Answer:
        """Complete the try that a ticket is for, with its result or an error; see `Steering.complete`."""
        return self._steering().complete(ticket, value, error=error)

    def rerun(self, path: str, sequence: int | str | None = None, extent: Extent = "also") -> Answer:
        """Rerun the instances of the step at `path`, or the one at `sequence`, although they have succeeded.

        While an engine works on the run it is recorded, and done in a recovery when the run has come to its end. Else
        it is done here and now: the method returns when that recovery has ended. `extent` says what else runs:
        `also`, what recovery would run anyway; `downstream`, that and what depends on the instances; `only`, nothing.
        """
        argument, steering = rerun_argument(path, sequence, extent), self._steering()
        if self._is_running():
            return steering.rerun(path, sequence, extent)
        try:
            self._carry_out(Rerun(**argument), steering.run_id)
        except RunHeldError:
            return steering.rerun(path, sequence, extent)
        except (ProgramError, ConfigError):
            if self._request.asked is None:
                raise
        assert self._request.asked is not None
        return self._answer(self._request.asked)
