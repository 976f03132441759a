"""What readers of a store get: runs, tasks, attempts, results, iterations, items and delays as recorded."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec

from eventcore.define.status import TaskStatus, Verdict


class RunView(msgspec.Struct, frozen=True):
    """A run as it stands in its latest recovery; times are UTC in seconds since 1970."""

    id: int
    run_id: str
    program: str
    source: str | None
    recovery: int
    created: float
    started: float
    ended: float | None
    verdict: Verdict
    is_held: bool  #: an engine is working on it
    holder: str | None  #: that engine, as `process 4711 on host`
    todos: int  #: as the last engine left it; `Reader.outstanding` counts while one is at work
    next_due: float | None
    stalled: list[str]
    not_reached: list[str]
    is_paused: bool = False
    counts_from: int = 0  #: the recovery from which on failures count; those behind it only reran some instances
    held_back: int = 0  #: how many tasks such a rerun reached and did not run
    is_mixed: bool = False  #: its latest recovery began with another program
    user: str = ""  #: who started it
    host: str = ""  #: where
    is_cancelling: bool = False  #: somebody has asked to cancel it, and its engine is to do that
    is_submitted: bool = False  #: engines that work off such runs begin it, and adopt it where one has left it

    @property
    def state(self) -> str:
        """The verdict, `paused`, or `interrupted` where an engine is gone without leaving a verdict."""
        if self.is_paused and self.verdict.is_open:
            return "paused"
        if self.is_interrupted:
            return "interrupted"
        return self.verdict.value

    @property
    def parameters(self) -> dict[str, str]:
        """What the function that builds the flow was called with from the shell."""
        found = self.origin.get("parameters")
        return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}

    @property
    def is_interrupted(self) -> bool:
        """Whether its engine is gone without leaving a verdict."""
        return self.verdict is Verdict.running and not self.is_held

    @property
    def origin(self) -> dict[str, Any]:
        """How the shell finds the program again, and where its steps log: `target`, `parameters`, `logdir` if known."""
        found = json.loads(self.source) if self.source else {}
        return found if isinstance(found, dict) else {}


class RecoveryView(msgspec.Struct, frozen=True):
    """The start of a run, or one of its recoveries."""

    recovery: int
    started: float
    ended: float | None
    verdict: Verdict


class TaskView(msgspec.Struct, frozen=True):
    """One task as one recovery left it."""

    step: str
    sequence: str
    recovery: int
    status: TaskStatus
    try_number: int
    created: float
    started: float | None
    ended: float | None
    due: float | None = None  #: when its next try is due


class AttemptView(msgspec.Struct, frozen=True):
    """One try of a task."""

    step: str
    sequence: str
    recovery: int
    try_number: int
    status: TaskStatus
    started: float | None
    ended: float | None
    error: str | None
    traceback: str | None


class ResultView(msgspec.Struct, frozen=True):
    """What a task returned, as tagged JSON: its beginning, or the name of the file that has it."""

    step: str
    sequence: str
    recovery: int
    text: str | None
    size: int  #: characters in the store; 0 where a file has it
    file: str | None


class InstanceView(msgspec.Struct, frozen=True):
    """One task in its latest recovery, with the last attempt that failed."""

    step: str
    sequence: str
    recovery: int
    status: TaskStatus
    try_number: int
    due: float | None
    started: float | None
    ended: float | None
    error: str | None
    traceback: str | None
    deadline: float | None = None  #: when it fails unless it is over
    ticket: str | None = None  #: of one that is active without a worker, until somebody answers

    def counts_in(self, run: RunView) -> bool:
        """Whether its status still says how the run stands.

        A success always does. What ended otherwise does not where a later recovery, which might have, did not reach it.
        """
        return self.status.is_done or self.recovery >= run.counts_from


class IterationView(msgspec.Struct, frozen=True):
    """One iteration of a container in its latest recovery."""

    scope: str
    sequence: str
    recovery: int
    number: int  #: its place in its loop, from 1
    status: TaskStatus
    is_halted: bool  #: nothing new starts in it
    is_clean: bool  #: it is over, and recoveries pass over it
    started: float | None
    ended: float | None


class SliceView(msgspec.Struct, frozen=True):
    """Some consecutive items of a loop's instance."""

    sequence: str
    recovery: int
    first: int  #: the number of the first of them, from 1
    keys: list[str] | None  #: None where numbers serve
    values: list[Any]  #: as tagged JSON, decoded no further


class DelayView(msgspec.Struct, frozen=True):
    """An association with a delay on its way."""

    event: str
    kind: Literal["event", "step"]  #: of the target
    target: str
    sequence: str
    due: float  #: UTC in seconds since 1970
