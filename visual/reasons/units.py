"""Which units of resources a task still lacks, and which instances hold them."""

from __future__ import annotations

from collections.abc import Iterable

from eventcore.define.plain import plain
from eventcore.define.status import TaskStatus
from eventcore.record.views import InstanceView
from visual.reasons.known import Known, Reason, listed


def missing_units(known: Known, task: InstanceView) -> list[Reason]:
    """The pools that have too little for the task, or that others wait for before it."""
    found = []
    for pool, count in known.steps[task.step].acquires:
        limit = known.program.pools.get(pool)
        if limit is None:
            continue
        holders = _holders(known, pool)
        free = max(0, limit - sum(units for _, units in holders))
        if free < count:
            names = listed([f"{name} ({units})" for name, units in holders if units > 0])
            text = f"it needs {count} of {pool!r}, of which {free} of {limit} are free"
            found.append(Reason("resource", text + (f"; held by {names}" if names else "")))
        elif ahead := _ahead(known, task, pool):
            found.append(Reason("resource", f"others are ahead of it in the queue for {pool!r}: {listed(ahead)}"))
    return found


def _holders(known: Known, pool: str) -> list[tuple[str, int]]:
    """Who has units of the pool: active tasks, and steps whose ended tasks returned less (or more) than they took."""
    found = []
    for task in known.live:
        if task.status is TaskStatus.active and (units := _taken(known, task, pool)):
            found.append((known.shown(task), units))
    for name, step in known.steps.items():
        kept = _sum(step.acquires, pool) - _sum(step.releases, pool)
        tally = known.tallies.get(name)
        if kept and tally is not None:
            ended = sum(tally.counts.get(status, 0) for status in TaskStatus if status.is_over)
            ended -= tally.counts.get(TaskStatus.cancelled, 0)
            if ended:
                found.append((f"{plain(step.path)}, which ended without releasing them", kept * ended))
    return found


def _ahead(known: Known, task: InstanceView, pool: str) -> list[str]:
    """Those that go before the task: of higher priority, or of the same and reached earlier."""
    found, mine, is_later = [], known.priority(task), False
    for other in known.live:
        if (other.step, other.sequence) == (task.step, task.sequence):
            is_later = True
        elif other.status is TaskStatus.ready and other.due is None and _taken(known, other, pool):
            priority = known.priority(other)
            if priority > mine or (priority == mine and not is_later):
                found.append(known.shown(other))
    return found


def _taken(known: Known, task: InstanceView, pool: str) -> int:
    step = known.steps.get(task.step)
    return 0 if step is None else _sum(step.acquires, pool)


def _sum(units: Iterable[tuple[str, int]], pool: str) -> int:
    return sum(count for name, count in units if name == pool)
