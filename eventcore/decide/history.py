"""What earlier recoveries of a run left, as far as it matters to this one."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eventcore.define.program import AssociationKey
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


class History(msgspec.Struct):
    """The latest status of each task, and when delays fall due."""

    tasks: Mapping[tuple[str, str], Past] = {}
    delays: Mapping[DelayKey, float] = {}
    only: frozenset[tuple[str, str]] | None = None  #: where given, no other step's function runs
    is_success: bool = False  #: whether the run had succeeded
    same_program: bool = True  #: False if the program changed or successes run again: all is then walked again
