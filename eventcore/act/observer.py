"""Who hears of what happens in a run, and what there is to hear.

An observer is told *notices*, each in the past tense: what it says has happened, and is recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from eventcore.define.status import RunMode, TaskStatus, Verdict


@dataclass(frozen=True, slots=True)
class Notice:
    """What all notices have in common. Times are UTC in seconds since 1970."""

    at: float  #: when it happened
    run_id: str


@dataclass(frozen=True, slots=True)
class RunEntered(Notice):
    """An engine has the run, and begins to work on it."""

    program: str
    recovery: int
    mode: RunMode


@dataclass(frozen=True, slots=True)
class TaskNotice(Notice):
    """What all notices of a step at a sequence have in common."""

    step: str  #: its path
    sequence: str


@dataclass(frozen=True, slots=True)
class TaskStarted(TaskNotice):
    """An attempt is about to begin."""

    try_number: int


@dataclass(frozen=True, slots=True)
class AttemptFailed(TaskNotice):
    """An attempt ended with an error; where it was the task's last, `TaskEnded` has been told just before."""

    try_number: int
    started: float | None
    error: str | None  #: one line, such as "ValueError: math domain error"
    traceback: str | None
    next_due: float | None  #: when the next attempt may begin; None where there is none


@dataclass(frozen=True, slots=True)
class TaskEnded(TaskNotice):
    """A task is over: success, failure or cancelled."""

    status: TaskStatus
    try_number: int  #: of its last attempt
    started: float | None  #: None for one that was cancelled before it began
    error: str | None


@dataclass(frozen=True, slots=True)
class TaskSkipped(TaskNotice):
    """A recovery found the task done, and carried its result over."""

    done_in: int  #: the recovery whose result it is


@dataclass(frozen=True, slots=True)
class RequestTaken(Notice):
    """Somebody asked something of the run, and the engine has seen to it."""

    verb: str  #: pause, resume, cancel or trigger
    argument: Mapping[str, Any]
    answer: str  #: done, or why it was refused


@dataclass(frozen=True, slots=True)
class RunPaused(Notice):
    """Nothing starts until the run is resumed; also told when an engine enters a run that is paused."""


@dataclass(frozen=True, slots=True)
class RunResumed(Notice):
    """A paused run goes on."""


@dataclass(frozen=True, slots=True)
class RunStopping(Notice):
    """Ctrl-C was pressed: nothing starts any more, and what runs may finish."""

    running: int  #: how many steps run


@dataclass(frozen=True, slots=True)
class TurnRecorded(Notice):
    """Something was committed; for views that read the store, which need not look before they hear this."""


@dataclass(frozen=True, slots=True)
class RunFinished(Notice):
    """The engine is through with the run and has left it: nothing is left to do, or only time or a user can help."""

    verdict: Verdict
    outstanding: int  #: tasks that were reached and are not over, and delays on their way
    next_due: float | None  #: when the next of them is due
    stalled: tuple[str, ...]  #: what waits for what nothing can bring
    not_reached: tuple[str, ...]  #: events of which only a part of what they need came about
    interrupted: bool  #: whether Ctrl-C ended it


@dataclass(frozen=True, slots=True)
class RunAbandoned(Notice):
    """The engine could not go on, as with a lost lease, a full disk or a second Ctrl-C; the run can be recovered."""

    error: str


EVERYTHING: Collection[type[Notice]] = (
    RunEntered, TaskStarted, AttemptFailed, TaskEnded, TaskSkipped, RequestTaken, RunPaused, RunResumed, RunStopping,
    TurnRecorded, RunFinished, RunAbandoned,
)  # fmt: skip


class Observer(ABC):
    """Is told what happens in a run.

    `notify` is called on the engine's thread, after the commit that records what it tells and in the order in which
    things happened; the engine goes on when it returns. It must not raise: an exception is logged, harms nothing, and
    the observer goes on to be told. A run that an engine enters begins with `RunEntered` and ends with `RunFinished` or
    `RunAbandoned`, for an engine that is not killed.
    """

    kinds: Collection[type[Notice]] = EVERYTHING
    """What it wants to be told, read when a run is entered; a notice that nobody wants is not even made."""

    @abstractmethod
    def notify(self, notice: Notice) -> None:
        """Take note of something."""
