"""Observers: objects that are told what happens in a run, and the notices they get.

An observer gets *notices*, named in the past tense: what a notice reports has happened and is recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from eventcore.define.status import RunMode, TaskStatus, Verdict


class Notice(msgspec.Struct, frozen=True):
    """Base of all notices. Times are UTC in seconds since 1970."""

    at: float  #: when it happened
    run_id: str


class RunEntered(Notice, frozen=True):
    """An engine has entered the run and begins to work on it."""

    program: str
    recovery: int
    mode: RunMode


class RunFoundOver(Notice, frozen=True):
    """The run that was to be continued is over, so nothing is done; the only notice, or the last one."""

    verdict: Verdict
    advice: str  #: what can be done instead


class ProgramChanged(Notice, frozen=True):
    """The run was entered with a program that differs from the one that is stored with it."""

    differences: str  #: by step: what was added, removed and changed


class TaskNotice(Notice, frozen=True):
    """Base of all notices about a step at a sequence."""

    step: str  #: its path
    sequence: str


class TaskStarted(TaskNotice, frozen=True):
    """An attempt is about to begin."""

    try_number: int


class AttemptFailed(TaskNotice, frozen=True):
    """An attempt ended with an error; where it was the task's last, `TaskEnded` has been told just before."""

    try_number: int
    started: float | None
    error: str | None  #: all that it says, see `eventcore.define.error_text`; `headline` makes one line of it
    traceback: str | None
    next_due: float | None  #: when the next attempt may begin; None where there is none


class TaskEnded(TaskNotice, frozen=True):
    """A task is over: success, failure or cancelled."""

    status: TaskStatus
    try_number: int  #: of its last attempt
    started: float | None  #: None for one that was cancelled before it began
    error: str | None


class TaskSkipped(TaskNotice, frozen=True):
    """A recovery skipped the task, because it had succeeded, and carried its result over."""

    done_in: int  #: the recovery whose result it is


class RequestTaken(Notice, frozen=True):
    """A user made a request to the run, and the engine has handled it."""

    verb: str  #: pause, resume, cancel or trigger
    argument: Mapping[str, Any]
    answer: str  #: done, or why it was refused


class RunPaused(Notice, frozen=True):
    """Nothing starts until the run is resumed; also sent when an engine enters a paused run."""


class RunResumed(Notice, frozen=True):
    """A paused run continues."""


class RunStopping(Notice, frozen=True):
    """Ctrl-C was pressed: nothing new starts, and running steps may finish."""

    running: int  #: how many steps run


class StoreWentAway(Notice, frozen=True):
    """The database cannot be reached; steps that run go on, and what they do is recorded when it is back."""

    reason: str
    patience: float  #: seconds for which it is waited for


class StoreCameBack(Notice, frozen=True):
    """The database can be reached again."""

    seconds: float  #: for how long it was away


class TurnRecorded(Notice, frozen=True):
    """A turn was committed; tells views that read the store when to read it again."""


class RunFinished(Notice, frozen=True):
    """The engine has left the run: nothing is left to do, or it takes time or a user to continue."""

    verdict: Verdict
    outstanding: int  #: tasks that were reached and are not over, and delays on their way
    next_due: float | None  #: when the next of them is due
    stalled: tuple[str, ...]  #: tasks that wait for something that can no longer happen, and for what
    not_reached: tuple[str, ...]  #: events whose expressions hold only in part, and what is missing
    interrupted: bool  #: whether Ctrl-C ended it


class RunAbandoned(Notice, frozen=True):
    """The engine could not continue, after a lost lease, a full disk or a second Ctrl-C; the run can be recovered."""

    error: str


EVERYTHING: Collection[type[Notice]] = (
    RunEntered, RunFoundOver, ProgramChanged, TaskStarted, AttemptFailed, TaskEnded, TaskSkipped, RequestTaken,
    RunPaused, RunResumed, RunStopping, StoreWentAway, StoreCameBack, TurnRecorded, RunFinished, RunAbandoned,
)  # fmt: skip


class Observer(ABC):
    """Is told what happens in a run.

    `notify` is called on the engine's thread, after the commit that records what the notice reports, in the order in
    which things happened; the engine waits until it returns. It should not raise: an exception is logged, does not
    affect the run, and the observer still gets later notices. The notices of an engine begin with `RunEntered` and end
    with `RunFinished` or `RunAbandoned`, unless the engine is killed. `RunFoundOver` comes alone or after these.
    """

    kinds: Collection[type[Notice]] = EVERYTHING
    """The notices that it wants, read when a run is entered; a notice that no observer wants is not made."""

    @abstractmethod
    def notify(self, notice: Notice) -> None:
        """Handle a notice."""
