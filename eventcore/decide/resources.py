"""Resource pools: a task takes all the units it asks for or none, and no task overtakes one that goes before it.

A task waits in the queue of every pool it needs and is served when it is at the head of each and all have enough; so a
large request is never starved by small ones that come later and are of no higher priority.

No two tasks can hold what the other waits for. A task in a queue holds no units, and all queues have the same total
order, that of arrivals, which are unique: the task of the least arrival is at the head of each queue that it is in, so
it waits for nothing but units that are taken. Who has taken units is in no queue of a pool: it runs, or it waits for a
slot, and slots are held only by what runs, which waits for nothing. (A container that holds what a step inside it asks
for is a mistake of the program: the run stalls, and says so.)

Where steps have ranks, a task that has its units and waits for a slot gives them back to one that goes before it: else
that would wait for the slot, too, behind all that go before the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from eventcore.decide import slots
from eventcore.decide.context import Context
from eventcore.decide.state import PoolState, Task
from eventcore.define.pools import Units
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus


def take(context: Context, task: Task) -> bool:
    """Give the task its units now, or put it in the queues, in which it must not be yet; True when it has them."""
    if _takes(context, task):
        return True
    for pool, _ in task.step.acquires:
        context.state.pools[pool.name].waiting.push(task)
    return False


def _takes(context: Context, task: Task) -> bool:
    """Give the task its units if it is first in all queues and all pools have enough."""
    needed = [(context.state.pools[pool.name], count) for pool, count in task.step.acquires]
    if not all(_first(pool, task) for pool, _ in needed):
        return False
    robbed: list[Task] = []
    if not all(pool.has_free(count) for pool, count in needed):
        robbed = _reclaimed(context, task, needed)
        if not robbed:
            return False
    for pool, count in needed:
        pool.taken += count
        if pool.waiting and pool.waiting.first is task:
            pool.waiting.pop()
    task.holds = True
    if context.ranks is not None:
        context.state.reserved[task.key] = task
    _let_heads_try(context, {pool.name: None for other in robbed for pool, _ in other.step.acquires})
    return True


def _reclaimed(context: Context, task: Task, needed: Iterable[tuple[PoolState, int]]) -> list[Task]:
    """Take back what the task lacks from tasks that go after it and have not begun, the last first; none if too little.

    These wait again for their units, in their places.
    """
    if not context.state.reserved:
        return []
    missing = {pool.name: pool.taken + count - pool.limit for pool, count in needed if pool.limit is not None}
    later = [other for other in context.state.reserved.values() if other.arrival > task.arrival]
    found = []
    for other in sorted(later, key=lambda other: other.arrival, reverse=True):
        has = {pool.name: count for pool, count in other.step.acquires if missing.get(pool.name, 0) > 0}
        if has:
            found.append(other)
            missing |= {name: missing[name] - count for name, count in has.items()}
    if any(count > 0 for count in missing.values()):
        return []
    for other in found:
        slots.forget(context, other)
        _let_go(context, other)
        for pool, count in other.step.acquires:
            context.state.pools[pool.name].taken -= count
            context.state.pools[pool.name].waiting.push(other)
    return found


def begun(context: Context, task: Task) -> None:
    """The task starts: what it has taken is its own until it ends."""
    context.state.reserved.pop(task.key, None)


def _let_go(context: Context, task: Task) -> None:
    task.holds = False
    context.state.reserved.pop(task.key, None)


def give_back(context: Context, task: Task) -> None:
    """Return what the task's step releases, and let those at the heads of the queues try again.

    One that failed before it had its units leaves the pools as if it had run.
    """
    if not task.holds and task.step.acquires:
        hold(context, task)
        _let_heads_try(context, (pool.name for pool, _ in task.step.acquires))
    _let_go(context, task)
    _return(context, task.step.releases)


def hold(context: Context, task: Task) -> None:
    """Count the units of a task as taken, whether they are free or not."""
    task.holds = True
    count_taken(context, task.step, 1)


def count_taken(context: Context, step: Step, tasks: int) -> None:
    """Count what so many tasks of the step acquire as taken."""
    for pool, count in step.acquires:
        context.state.pools[pool.name].taken += tasks * count


def carry_over(context: Context, task: Task) -> None:
    """A skipped task leaves the pools as its run had left them."""
    count_taken(context, task.step, 1)
    _return(context, task.step.releases)


def withdraw(context: Context, task: Task) -> None:
    """A task that is cancelled, or waits for its next try, asks for nothing for now and gives back what it took."""
    if task.holds:
        _let_go(context, task)
        _return(context, task.step.acquires)
    else:
        _let_heads_try(context, (pool.name for pool, _ in task.step.acquires))


def _return(context: Context, units: Units) -> None:
    for pool, count in units:
        state = context.state.pools[pool.name]
        state.taken = max(0, state.taken - count)
    _let_heads_try(context, (pool.name for pool, _ in units))


def _let_heads_try(context: Context, names: Iterable[str]) -> None:
    to_look_at = list(names)
    while to_look_at:
        pool = context.state.pools[to_look_at.pop()]
        while pool.waiting and pool.waiting.first.status is not TaskStatus.ready:
            pool.waiting.pop()
        if pool.waiting and _takes(context, head := pool.waiting.first):
            context.state.ready.push(head)
            to_look_at += [other.name for other, _ in head.step.acquires]


def _first(pool: PoolState, task: Task) -> bool:
    return not pool.waiting or bool(task.arrival <= pool.waiting.first.arrival)
