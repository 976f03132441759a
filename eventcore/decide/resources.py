"""Resource pools: a task takes all the units it asks for or none, and no task overtakes another in a queue.

A task waits in the queue of every pool it needs and is served when it is at the head of each and all have enough; so a
large request is never starved by small ones, and no two tasks can hold what the other waits for.
"""

from __future__ import annotations

from collections.abc import Iterable

from eventcore.decide.context import Context
from eventcore.decide.state import PoolState, Task
from eventcore.define.pools import Units
from eventcore.define.status import TaskStatus


def take(context: Context, task: Task) -> bool:
    """Give the task its units now, or put it in the queues, in which it must not be yet; True when it has them."""
    if _takes(context, task):
        return True
    for pool, _ in task.step.acquires:
        context.state.pools[pool.name].waiting.append(task)
    return False


def _takes(context: Context, task: Task) -> bool:
    """Give the task its units if it is first in all queues and all pools have enough."""
    needed = [(context.state.pools[pool.name], count) for pool, count in task.step.acquires]
    if all(_first(pool, task) and pool.has_free(count) for pool, count in needed):
        for pool, count in needed:
            pool.taken += count
            if pool.waiting and pool.waiting[0] is task:
                pool.waiting.popleft()
        task.holds = True
        return True
    return False


def give_back(context: Context, task: Task) -> None:
    """Return what the task's step releases, and let those at the heads of the queues try again."""
    task.holds = False
    _return(context, task.step.releases)


def carry_over(context: Context, task: Task) -> None:
    """A skipped task leaves the pools as its run had left them."""
    for pool, count in task.step.acquires:
        context.state.pools[pool.name].taken += count
    _return(context, task.step.releases)


def withdraw(context: Context, task: Task) -> None:
    """A task that is cancelled, or waits for its next try, asks for nothing for now and gives back what it took."""
    if task.holds:
        task.holds = False
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
        while pool.waiting and pool.waiting[0].status is not TaskStatus.ready:
            pool.waiting.popleft()
        if pool.waiting and _takes(context, head := pool.waiting[0]):
            context.state.ready.push(head)
            to_look_at += [other.name for other, _ in head.step.acquires]


def _first(pool: PoolState, task: Task) -> bool:
    return not pool.waiting or pool.waiting[0] is task
