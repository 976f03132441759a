"""Control steps: steps that run inside the engine's decisions instead of in a worker.

The flow language makes its containers of them. A control step decides from what the turn shows it and acts through the
turn alone, so its consequences are recorded in the transaction of their cause, and it needs no process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from eventcore.decide.state import Task
    from eventcore.decide.turn import Turn


class Control(Protocol):
    """What the kernel asks of a control step."""

    @property
    def housekeeping(self) -> bool:
        """True for bookkeeping, which runs whatever has failed; it is never skipped, halted or counted."""

    @property
    def walks_again(self) -> bool:
        """True for a step whose inner part recovery walks again unless everything in it succeeded."""

    def started(self, turn: Turn, task: Task) -> None:
        """The task was reached and may start: act, and end it at once or later with `turn.finish`."""

    def resumed(self, turn: Turn, task: Task) -> None:
        """Another engine left the task active: pick up what the store knows of it."""
