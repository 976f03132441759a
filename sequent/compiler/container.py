"""What drives a container while a flow runs: its loop, its iterations, its end.

A container is one kernel task, active from its start to its end. Three hidden steps serve it, all but the first inside
the engine: `#items` computes the loop, `#loop` takes the items up, `#iteration` closes an iteration that is over and
lets the next one begin. What the container must know to go on is in its task's memo.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from eventcore.decide.recovery import CLEAN, CLOSED, CLOSED_CLEAN
from eventcore.decide.state import Cell, Task
from eventcore.decide.turn import Turn
from eventcore.define.program import Event
from eventcore.define.status import TaskStatus
from sequent.language.loops import ONCE, items_from_text


@dataclass(slots=True)
class Walk:
    """One instance of a container on its way through its loop."""

    keys: Sequence[str]
    begun: int = 0
    over: int = 0
    failed: bool = False  #: an iteration failed
    broken: bool = False  #: and no further one may begin
    cancelled: bool = False  #: an iteration was cancelled, and no further one may begin
    clean: bool = True  #: everything so far succeeded
    done_before: set[str] = field(default_factory=set)  #: iterations that an earlier recovery ended clean

    @property
    def memo(self) -> str:
        """What the store keeps of it."""
        return json.dumps([self.begun, self.over, self.failed, self.broken, self.cancelled, self.clean])

    def recall(self, memo: str) -> None:
        """Go on from what the store kept."""
        self.begun, self.over, self.failed, self.broken, self.cancelled, self.clean = json.loads(memo)


class ContainerControl:
    """The control of a container's own task."""

    housekeeping = False
    walks_again = True

    def __init__(self, path: str, scope: str, begin: Event, items: Event | None, concurrent: int) -> None:
        self.path = path
        self.scope = scope  #: of the container that it stands in
        self.begin = begin
        self.items = items  #: raised to have the loop computed, None without a loop
        self.concurrent = concurrent
        self._walks: dict[str, Walk] = {}

    def started(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`."""
        if self.items is not None:
            turn.raise_event(self.items, task.sequence, task.fresh)
        else:
            self._walk(turn, task, ONCE.keys)

    def resumed(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`; without a memo, the loop is still being computed."""
        if task.memo is None:
            return
        walk = self._walks[task.sequence] = Walk(self._recorded_keys(turn, task.sequence))
        walk.recall(task.memo)
        self._advance(turn, task)

    def items_over(self, turn: Turn, sequence: str) -> None:
        """The loop is computed, could not be, or never will be because its part of the flow was ended."""
        task = turn.state.live.get((self.path, sequence))
        if task is None:
            return
        items = turn.cell(self.scope, sequence).tasks.get(f"{self.path}#items")
        if items is not None and items.status.is_done:
            self._walk(turn, task, self._recorded_keys(turn, sequence))
        elif items is not None and items.status is TaskStatus.failure:
            turn.finish(
                task, TaskStatus.failure, error=f"its loop could not be computed: {items.memo or 'see its log'}"
            )
        else:
            turn.finish(task, TaskStatus.cancelled)

    def iteration_over(self, turn: Turn, sequence: str, status: TaskStatus, *, clean: bool, broken: bool) -> None:
        """One of its iterations has ended."""
        task = self._own_task(turn, sequence.rpartition(".")[0])
        walk = self._walks[task.sequence]
        walk.over += 1
        walk.clean &= clean
        walk.failed |= status is TaskStatus.failure
        walk.broken |= broken
        walk.cancelled |= status is TaskStatus.cancelled
        self._advance(turn, task)

    def _walk(self, turn: Turn, task: Task, keys: Sequence[str]) -> None:
        walk = self._walks[task.sequence] = Walk(keys)
        if turn.history.tasks and turn.history.same_program and not self._is_fresh(turn, task):
            walk.done_before = turn.archive.clean_iterations(f"{self.path}#iteration", task.sequence)
        self._advance(turn, task)

    def _advance(self, turn: Turn, task: Task) -> None:
        walk = self._walks[task.sequence]
        halted = turn.cell(self.scope, task.sequence).halted
        may_begin = not (walk.broken or walk.cancelled or halted or turn.state.stopped)
        while may_begin and walk.begun < len(walk.keys) and walk.begun - walk.over < self.concurrent:
            sequence = f"{task.sequence}.{walk.keys[walk.begun]}"
            walk.begun += 1
            if sequence in walk.done_before:
                walk.over += 1
                continue
            turn.cell(self.path, sequence).fresh = self._is_fresh(turn, task)
            turn.raise_event(self.begin, sequence)
        task.memo = walk.memo
        turn.changes.touched(task)
        if walk.over < walk.begun:
            return
        if walk.failed:
            self._finish(turn, task, TaskStatus.failure)
        elif halted or walk.cancelled:
            self._finish(turn, task, TaskStatus.cancelled)
        elif walk.begun == len(walk.keys):
            task.memo = CLEAN if walk.clean else None
            self._finish(turn, task, TaskStatus.success)

    def _finish(self, turn: Turn, task: Task, status: TaskStatus) -> None:
        del self._walks[task.sequence]
        turn.finish(task, status)

    def _is_fresh(self, turn: Turn, task: Task) -> bool:
        return task.fresh or turn.cell(self.scope, task.sequence).fresh

    def _recorded_keys(self, turn: Turn, sequence: str) -> Sequence[str]:
        if self.items is None:
            return ONCE.keys
        text = turn.result_text(f"{self.path}#items", self.scope, sequence)
        assert text is not None
        return items_from_text(text).keys

    def _own_task(self, turn: Turn, sequence: str) -> Task:
        return turn.state.live[self.path, sequence]


class StaticItemsControl:
    """Records a loop that is known when the flow is built."""

    housekeeping = False
    walks_again = False

    def __init__(self, text: str) -> None:
        self.text = text

    def started(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`."""
        turn.finish(task, TaskStatus.success, result=self.text)

    def resumed(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`; it ends in the turn in which it starts."""


class LoopControl:
    """Hands the computed loop to its container."""

    housekeeping = True
    walks_again = False

    def __init__(self, container: ContainerControl) -> None:
        self.container = container

    def started(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`."""
        turn.finish(task, TaskStatus.success)
        self.container.items_over(turn, task.sequence)

    def resumed(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`; it ends in the turn in which it starts."""


class IterationControl:
    """Closes an iteration in which every step is over or can no longer be reached."""

    housekeeping = True
    walks_again = False

    def __init__(
        self, container: ContainerControl, broken: str, flawed: str, looking_out: Collection[str], *, handles: bool
    ) -> None:
        self.container = container
        self.looking_out = looking_out  #: the steps in it that require something of steps outside
        self.handles = handles  #: one of them may be there to handle a failure outside
        self.broken = broken  #: the event of a failure that ended the iteration
        self.flawed = flawed  #: the event of one that did not

    def started(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`."""
        path, sequence = self.container.path, task.sequence
        cell = turn.cell(path, sequence)
        broken = self.broken in cell.facts
        if broken or self.flawed in cell.facts:
            status = TaskStatus.failure
        else:
            status = TaskStatus.cancelled if cell.halted else TaskStatus.success
        clean = status is TaskStatus.success and self._is_clean(cell, task)
        task.memo = CLOSED_CLEAN if clean else CLOSED
        turn.finish(task, status)
        turn.close(path, sequence)
        self.container.iteration_over(turn, sequence, status, clean=clean, broken=broken)

    def resumed(self, turn: Turn, task: Task) -> None:
        """See `eventcore.define.control.Control`; it ends in the turn in which it starts."""

    def _is_clean(self, cell: Cell, own: Task) -> bool:
        """Whether walking the iteration again could change nothing, whatever a recovery brings about outside."""
        return (
            not self.handles
            and all(name in cell.tasks for name in self.looking_out)
            and all(
                task.status.is_done
                and (not isinstance(task.step.control, ContainerControl) or task.memo == CLEAN)
                and task.step.acquires == task.step.releases
                for task in cell.tasks.values()
                if task is not own
            )
        )
