"""How long an engine may be sure that the run is still its own."""

from __future__ import annotations

from collections.abc import Callable

from eventcore.errors import LeaseLostError
from eventcore.moment import Moment, in_future, steady


class Tenure:
    """An engine is sure of its run at each commit, and for a third of the lease's term from then on.

    It may be stopped in between for any time, and by the time it goes on the run may be another engine's. So it looks
    before it starts a task later than that, and a call that a worker has not begun by then is handed back.
    """

    def __init__(self, holds: Callable[[], bool], term: float | None) -> None:
        self._holds = holds
        self._patience = None if term is None else term / 3
        self._sure_at = steady()

    @property
    def end(self) -> Moment | None:
        """Until when calls may begin; None where nobody can take the run over."""
        return None if self._patience is None else in_future(self._patience, self._sure_at)

    def confirmed(self, asked: float) -> None:
        """A commit has shown that the run was this engine's at some moment since `asked`, by the steady clock."""
        self._sure_at = asked

    def check(self, *, again: bool = False) -> None:
        """Look whether the run is still this engine's, if that is uncertain by now or `again`.

        Raises `LeaseLostError` where it is not.
        """
        if self._patience is None or (not again and steady() - self._sure_at <= self._patience):
            return
        now = steady()
        if not self._holds():
            raise LeaseLostError
        self._sure_at = now
