"""Which units of resources a task still lacks, and which instances hold them."""

from __future__ import annotations

from collections.abc import Iterable

from eventcore.define.plain import plain
from eventcore.define.status import TaskStatus
from eventcore.record.pool_views import UnitsView
from eventcore.record.units import UnitState
from eventcore.record.views import InstanceView
from visual.instances import Instances
from visual.reasons.known import Known, Reason, listed


def missing_units(known: Known, task: InstanceView) -> list[Reason]:
    """The pools that have too little for the task, or that others wait for before it."""
    found = []
    for pool, count in known.steps[task.step].acquires:
        if pool in known.program.shared:
            found += _missing_shared(known, task, pool, count)
            continue
        limit = known.program.pools.get(pool)
        if limit is None:
            continue
        holders = _holders(known, pool)
        free = max(0, limit - sum(units for _, units in holders))
        if free < count:
            found.append(_too_few(pool, count, free, limit, holders))
        elif ahead := _ahead(known, task, pool):
            found.append(_queue(pool, ahead))
    return found


def waits_for_shared(known: Known, most: int) -> dict[str, list[str]]:
    """Which instances of each step wait for units that other runs share, a few of each, and who has these."""
    found: dict[str, list[str]] = {}
    for task in known.live if known.program.shared and known.run.is_held else ():
        lines = found.setdefault(task.step, [])
        is_waiting = task.status is TaskStatus.ready and task.due is None and task.step in known.steps
        pools = [pool for pool, _ in known.steps[task.step].acquires] if is_waiting else []
        if len(lines) < most and not known.program.shared.keys().isdisjoint(pools):
            at = known.instances.at(task.step, task.sequence)
            lines += [f"@{at}: {reason.text}" for reason in missing_units(known, task)]
    return found


def _too_few(pool: str, count: int, free: int, limit: int, holders: Iterable[tuple[str, int]]) -> Reason:
    names = listed([f"{name} ({units})" for name, units in holders if units > 0])
    text = f"it needs {count} of {pool!r}, of which {free} of {limit} are free"
    return Reason("resource", text + (f"; held by {names}" if names else ""))


def _queue(pool: str, ahead: list[str]) -> Reason:
    return Reason("resource", f"others are ahead of it in the queue for {pool!r}: {listed(ahead)}")


def _missing_shared(known: Known, task: InstanceView, name: str, count: int) -> list[Reason]:
    """The same of a pool that other runs share."""
    pool = known.shared_pool(name)
    if pool is None or pool.limit is None or pool.free is None:
        return []
    if pool.free < count:
        return [_too_few(name, count, pool.free, pool.limit, [(_told(known, one), one.amount) for one in pool.held])]
    queue = [one for one in pool.waiting if one.state is UnitState.waiting]
    places = [n for n, one in enumerate(queue) if _is_own(known, one) and _is_at(one, task)]
    ahead = queue[: places[0]] if places else queue
    return [_queue(name, [_told(known, one) for one in ahead])] if ahead else []


def _is_own(known: Known, one: UnitsView) -> bool:
    return one.run.id == known.run.id


def _is_at(one: UnitsView, task: InstanceView) -> bool:
    return (one.step, one.sequence) == (task.step, task.sequence)


def _told(known: Known, one: UnitsView) -> str:
    """Who has units or waits for some, and in which run where it is another one."""
    own = _is_own(known, one)
    instances = known.instances if own else Instances(known.reader, one.run)
    name = instances.name(one.step, one.sequence, one.recovery).rstrip("@")
    of_run = "" if own else f" of run {plain(one.run.run_id)} ({plain(one.run.program)})"
    if one.state is not UnitState.held or not _is_over(known, one):
        return f"{name}{of_run}"
    return f"{name}{of_run}, which ended without releasing them"


def _is_over(known: Known, one: UnitsView) -> bool:
    """Whether the units are those of a step that has ended."""
    if not one.sequence:
        return True
    found = known.reader.instances(one.run, step=one.step, sequence=one.sequence, limit=1)
    return bool(found) and found[0].status.is_over


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
