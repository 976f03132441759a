"""What earlier recoveries of a run left, as far as it matters to this one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eventcore.define.program import AssociationKey
from eventcore.define.sequence import is_at
from eventcore.define.status import TaskStatus

DelayKey = tuple[AssociationKey, str]  #: an association's key, and a sequence


class Past(msgspec.Struct, frozen=True):
    """A task as the latest earlier recovery that reached it left it."""

    status: TaskStatus
    recovery: int
    raised: str | None = None
    clean: bool | None = None
    started: float | None = None
    ended: float | None = None
    ticket: str | None = None  #: of a task that was deferred, and that nobody can answer any more


class Only(msgspec.Struct, frozen=True):
    """What runs in a rerun that runs nothing else."""

    steps: frozenset[str]  #: the steps that it names, and those inside them
    around: frozenset[str]  #: the containers that are walked to get there
    sequence: str | None  #: where it names one

    def covers(self, step: str, sequence: str) -> bool:
        """Whether the step may run at the sequence, or is walked because something inside it may."""
        if self.sequence is None:
            return step in self.steps or step in self.around
        return (step in self.steps and is_at(sequence, self.sequence)) or (
            step in self.around and is_at(self.sequence, sequence)
        )


class History(msgspec.Struct):
    """The latest status of each task, and when delays fall due."""

    tasks: Mapping[tuple[str, str], Past] = {}
    delays: Mapping[DelayKey, float] = {}
    emitted: Mapping[tuple[str, str], str] = {}  #: the values of events that steps emitted, by name and sequence
    only: Only | None = None  #: where given, nothing else runs
    is_success: bool = False  #: whether the run had succeeded
    same_program: bool = True  #: False if the program changed or successes run again: all is then walked again
