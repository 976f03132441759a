"""One turn of the engine: what happened goes in, `Changes` come out.

The engine calls the functions of this class with what happened since the last turn, then `settle`, records the
changes in one commit and starts `changes.starts`. Facts are followed breadth-first in the order in which they were
raised, associations and expressions in the order of their definition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from eventcore.decide import delays, ending, expressions, retrying, scheduling, steering, triggering
from eventcore.decide.changes import Changes
from eventcore.decide.plan import Plan
from eventcore.decide.state import Cell, Delay, History, Limit, PoolState, State, Task
from eventcore.define.program import Event
from eventcore.define.status import StepStatus, TaskStatus
from eventcore.errors import ProgramError


class Archive(Protocol):
    """What decisions may ask of the record; each answer is a plain read."""

    def result(self, step: str, sequence: str) -> str | None:
        """The recorded result of a task, as tagged JSON."""

    def clean_iterations(self, step: str, sequence: str) -> set[str]:
        """The sequences below `sequence` at which the step ended, in any earlier recovery, with the memo `clean`."""

    def cell(self, scope: str, sequence: str) -> tuple[list[str], list[tuple[str, TaskStatus]]]:
        """The facts and tasks of this recovery that the cell had when it was let go."""


class Turn:
    """Decides for one run; keeps its `state` from turn to turn and hands out the `changes` of each."""

    CONTROLS_A_TURN = 1_000  #: a commit comes at the latest after so many control steps, so that memory stays bounded
    QUIET_CELLS = 4_096  #: so many quiet cells of an undivided program stay in memory

    def __init__(self, plan: Plan, history: History, archive: Archive, capacities: dict[str, int | None]) -> None:
        self.plan = plan
        self.history = history
        self.archive = archive
        self.state = State()
        self.changes = Changes()
        self.now = 0.0
        self.agenda: deque[tuple[Event, str, bool]] = deque()
        self.controls: deque[Task] = deque()
        self._sweep_at = self.QUIET_CELLS
        self.state.pools = {name: PoolState(pool) for name, pool in plan.pools.items()}
        most = plan.config.max_concurrent
        self.state.limits["all"] = Limit(most if most >= 1 else None)
        self.state.limits.update({f"by {name}": Limit(capacity) for name, capacity in capacities.items()})

    # what may happen

    def trigger(self, event: str, sequence: str) -> None:
        """An event is raised from outside; one that is triggered there already changes nothing."""
        if event not in self.plan.events:
            raise ProgramError(f"the program has no event {event!r}")
        self.raise_event(self.plan.events[event], sequence)

    def ended(self, task: Task, ok: bool, result: str | None, error: str | None, traceback: str | None,
              raised: Iterable[tuple[str, str | None]]) -> None:  # fmt: skip
        """A worker is through with the task's current try."""
        ending.worker_ended(self, task, ok, result, error, traceback, raised)

    def asked(self, request: int, verb: str, argument: Mapping[str, Any]) -> None:
        """A user asks something of the run, see `eventcore.decide.steering`."""
        steering.take_up(self, request, verb, argument)

    def time_came(self, now: float) -> None:
        """Take the time, UTC in seconds, and what has fallen due by it."""
        self.now = now
        for due in delays.taken_due(self):
            if isinstance(due, Delay):
                triggering.follow(self, due.association.target, due.sequence, due.fresh)
            else:
                retrying.due_again(self, due)

    def settle(self) -> bool:
        """Follow everything to its consequences; True when more is left that needs another turn at once."""
        controls = 0
        while True:
            triggering.spread(self)
            if self.controls:
                scheduling.run_control(self, self.controls.popleft())
                controls += 1
            elif not scheduling.start_next(self):
                break
            if controls >= self.CONTROLS_A_TURN and not self.agenda:
                return True
        self._let_quiet_cells_go()
        return False

    def taken_changes(self) -> Changes:
        """What this turn changed; the next one starts empty."""
        changes, self.changes = self.changes, Changes()
        return changes

    # what rules do

    def raise_event(self, event: Event, sequence: str, fresh: bool = False) -> None:
        """Put an event on the agenda; `fresh` marks what a failure of this recovery set in motion."""
        self.agenda.append((event, sequence, fresh))

    def raise_triggers(self, task: Task, status: StepStatus, fresh: bool = False) -> None:
        """Raise the events that the task's step maps to a status."""
        for event in task.step.triggers.get(status, ()):
            self.raise_event(event, task.sequence, fresh)

    def finish(self, task: Task, status: TaskStatus, *, result: str | None = None, error: str | None = None) -> None:
        """End a control step's task."""
        ending.task_over(self, task, status, result, error, None, ())

    def cell(self, scope: str, sequence: str) -> Cell:
        """The cell, made or read back where it is not in memory."""
        found = self.state.cells.get((scope, sequence))
        if found is None:
            found = self.state.cells[scope, sequence] = Cell(scope, sequence)
            if self.state.has_evicted:
                self._read_back(found)
        return found

    def cell_with(self, event: str, scope: str, sequence: str) -> Cell | None:
        """The cell of exactly this sequence, if the event is triggered there."""
        found = self.state.cells.get((scope, sequence))
        if found is None:
            if not self.state.has_evicted:
                return None
            found = self.cell(scope, sequence)
        return found if event in found.facts else None

    def result_text(self, step: str, scope: str, sequence: str) -> str | None:
        """The result of a step at a sequence, decided in this turn or recorded earlier."""
        cell = self.state.cells.get((scope, sequence))
        task = cell.tasks.get(step) if cell is not None else None
        if task is not None and task.result is not None:
            return task.result
        return self.archive.result(step, sequence)

    def close(self, scope: str, sequence: str) -> None:
        """Let a cell go in which nothing can happen any more."""
        cell = self.state.cells.pop((scope, sequence))
        for gate in cell.gates.values():
            expressions.forget(self, gate)

    def _let_quiet_cells_go(self) -> None:
        cells = self.state.cells
        if self.plan.has_parts or len(cells) <= self._sweep_at:
            return
        for key, cell in list(cells.items()):
            if cell.is_quiet:
                del cells[key]
                self.state.has_evicted = True
        self._sweep_at = max(self.QUIET_CELLS, 2 * len(cells))  # a sweep costs what came since the last one

    def _read_back(self, cell: Cell) -> None:
        facts, tasks = self.archive.cell(cell.scope, cell.sequence)
        cell.facts.update(facts)
        for name, status in tasks:
            cell.tasks[name] = Task(self.plan.steps[name], cell.sequence, status)
