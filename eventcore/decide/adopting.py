"""Which changes of a program cannot be adopted by continuing a recovery; they are refused before anything is done.

Continuing adopts what was added where the run stands. It cannot give a loop to a container that walks its one
iteration, nor take one away, nor take back that a failure ended an iteration. A recovery can: it walks everything anew.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from eventcore.decide.plan import Plan
from eventcore.decide.restoring import Snapshot, StoredIteration, StoredTask
from eventcore.define.event import EventKind
from eventcore.define.program import Step
from eventcore.define.status import StepStatus, TaskStatus
from eventcore.errors import ProgramChangedError

REMEDY = "which cannot be changed midway; recover the run instead: recovery walks it again and skips what succeeded"


def check_adoptable(plan: Plan, snapshot: Snapshot) -> None:
    """Raise `ProgramChangedError` if a change of the program cannot be adopted by continuing."""
    walked = {(row.step, row.sequence): row.items for row in snapshot.loops if row.begun}
    reached = {(row.step, row.sequence) for row in snapshot.tasks}
    begun = {(one.scope, one.sequence.rpartition(".")[0]) for one in snapshot.iterations}
    for row in snapshot.tasks:
        step = plan.steps.get(row.step)
        if step is None or step.loop is None or row.status is not TaskStatus.active:
            continue
        items = step.loop.items
        has_loop = items is not None or step.loop.until is not None
        if (row.step, row.sequence) in walked and (items is None or (items, row.sequence) in reached):
            if not has_loop and (step.loop.teardown is None or walked[row.step, row.sequence] > 1):
                raise _refusal(step, row, "with a loop and has none now")
        elif has_loop and (step.loop.scope.name, row.sequence) in begun:
            raise _refusal(step, row, "without a loop and has one now")
    _check_halted(plan, snapshot)


def _check_halted(plan: Plan, snapshot: Snapshot) -> None:
    """An iteration that a failure ended must still be ended by it."""
    failed: dict[tuple[str, str], list[StoredTask]] = {}
    for row in snapshot.tasks:
        if row.status is TaskStatus.failure:
            failed.setdefault((row.scope, row.sequence), []).append(row)
    halted = {(one.scope, one.sequence): one for one in snapshot.iterations if one.halted}
    for place, one in halted.items():
        container = plan.container_of.get(one.scope)
        rows = failed.get(place)
        if container is None or not rows or plan.has_survivors or _is_inside(plan, one, halted) or _breaks(plan, rows):
            continue
        raise ProgramChangedError(
            f"iteration {one.sequence} of {container.path} was ended by a failure of {_path(plan, rows[0])} that "
            f"would no longer end it, {REMEDY}"
        )


def _is_inside(plan: Plan, one: StoredIteration, halted: Container[tuple[str, str]]) -> bool:
    """Whether the iteration around it was ended, too."""
    return (plan.scopes[one.scope].parent or "", one.sequence.rpartition(".")[0]) in halted


def _path(plan: Plan, row: StoredTask) -> str:
    """The task's step as users know it."""
    step = plan.steps.get(row.step)
    return row.step if step is None else step.path


def _breaks(plan: Plan, rows: Iterable[StoredTask]) -> bool:
    """Whether one of the failures ends its iteration as the program is now."""
    steps = [plan.steps[row.step] for row in rows if row.step in plan.steps]
    return any(e.kind is EventKind.broken for step in steps for e in step.triggers.get(StepStatus.failure, ()))


def _refusal(step: Step, row: StoredTask, how: str) -> ProgramChangedError:
    return ProgramChangedError(f"step {step.path}@{row.sequence} was under way {how}, {REMEDY}")
