"""Resource pools: a task takes all the units it asks for or none, and no task overtakes one that goes before it.

A task waits in the queue of every pool it needs and is served when it is at the head of each and all have enough; so a
large request is never starved by small ones that come later and are of no higher priority.

No two tasks can hold what the other waits for. A task in a queue holds no units, and all queues have the same total
order, that of arrivals, which are unique: the task of the least arrival is at the head of each queue that it is in, so
it waits for nothing but units that are taken. Who has taken units is in no queue of a pool: it runs, or it waits for a
slot, and slots are held only by what runs, which waits for nothing. (A container that holds what a step inside it asks
for is a mistake of the program: the run stalls, and says so.)

Units that other runs share are taken through the store, together with these; see `sharing`.

Where steps have ranks, a task that has its units and waits for a slot gives them back to one that goes before it: else
that would wait for the slot, too, behind all that go before the other. One that has shared units besides keeps all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eventcore.decide import sharing, slots
from eventcore.decide.changes import Key
from eventcore.decide.context import Context
from eventcore.decide.state import PoolState, Task
from eventcore.define.pools import Units
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus


def take(context: Context, task: Task) -> bool:
    """Give the task its units now, or put it in the queues, in which it must not be yet; True when it has them."""
    if sharing.is_asking(context, task.step):
        return _asks(context, task)
    if _takes(context, task):
        return True
    for pool, _ in task.step.acquires:
        context.state.pools[pool.name].waiting.push(task)
    return False


def _asks(context: Context, task: Task) -> bool:
    """Ask for shared units as soon as nothing else keeps the task from starting; it never has them at once."""
    if not sharing.has_room(context, task):
        return False
    own = sharing.own_units(context, task.step)
    for pool, _ in own:
        pool.waiting.push(task)
    if all(pool.may_take(task, count) for pool, count in own):
        sharing.claim(context, task)
    return False


def granted(context: Context, keys: Iterable[Key]) -> None:
    """The store has granted claims that were able: their tasks take the rest of what they need, and may start."""
    for key in keys:
        task = sharing.granted(context, key)
        if task is None:
            continue
        own = sharing.own_units(context, task.step)
        for pool, count in own:
            pool.taken += count
            pool.waiting.discard(task)
        task.holds = True
        context.state.ready.push(task)
        _let_heads_try(context, (pool.name for pool, _ in own))


def _takes(context: Context, task: Task) -> bool:
    """Give the task its units if it is first in all queues and all pools have enough."""
    needed = [(context.state.pools[pool.name], count) for pool, count in task.step.acquires]
    if not all(_first(pool, task) for pool, _ in needed):
        return False
    if sharing.is_asking(context, task.step):
        if all(pool.has_free(count) for pool, count in sharing.own_units(context, task.step)):
            sharing.claim(context, task)
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
    releases = task.step.releases
    if not task.holds and task.step.acquires:
        if sharing.is_asking(context, task.step):
            sharing.forget(context, task)
            releases = _beyond_own(task.step)
        count_taken(context, task.step, 1)
        _let_heads_try(context, (pool.name for pool, _ in task.step.acquires))
    _let_go(context, task)
    _return(context, releases, task.key)


def _beyond_own(step: Step) -> Units:
    """What a step returns that never had its shared units: of these, no more than what others have left to it."""
    own = {pool.name: count for pool, count in step.acquires if pool.is_shared}
    left = ((pool, count - own.get(pool.name, 0)) for pool, count in step.releases)
    return tuple((pool, count) for pool, count in left if count > 0)


def hold(context: Context, task: Task) -> None:
    """Count the units of a task as taken, whether they are free or not; shared ones are asked for again."""
    task.holds = True
    count_taken(context, task.step, 1)
    _take_back(context, task)


def count_taken(context: Context, step: Step, tasks: int) -> None:
    """Count what so many tasks of the step acquire as taken, of pools that belong to the run."""
    for pool, count in step.acquires:
        if context.state.sharing is None or not pool.is_shared:
            context.state.pools[pool.name].taken += tasks * count


def carry_over(context: Context, task: Task) -> None:
    """A skipped task leaves the pools as its run had left them."""
    count_taken(context, task.step, 1)
    _take_back(context, task)
    _return(context, task.step.releases, task.key)


def _take_back(context: Context, task: Task) -> None:
    if sharing.is_asking(context, task.step):
        sharing.take_back(context, task.key, {pool.name: count for pool, count in task.step.acquires if pool.is_shared})


def count_over(context: Context, over: Sequence[tuple[Step, int]]) -> None:
    """Count what tasks that are over left taken: so many of each step. A step may return what another one has taken."""
    kept: dict[str, int] = {}
    holders: dict[str, str] = {}
    shared: dict[str, dict[str, int]] = {}
    for step, count in over:
        for pool, units in step.acquires:
            kept[pool.name] = kept.get(pool.name, 0) + count * units
            holders.setdefault(pool.name, step.name)
    for step, count in over:
        for pool, units in step.releases:
            kept[pool.name] = max(0, kept.get(pool.name, 0) - count * units)
    for name, units in kept.items():
        state = context.state.pools[name]
        if context.state.sharing is None or not state.is_shared:
            state.taken += units
        elif units:
            shared.setdefault(holders[name], {})[name] = units
    for holder, needs in shared.items():
        sharing.take_back(context, (holder, ""), needs)


def withdraw(context: Context, task: Task) -> None:
    """A task that is cancelled, or waits for its next try, asks for nothing for now and gives back what it took."""
    if task.holds:
        _let_go(context, task)
        _return(context, task.step.acquires, task.key)
    else:
        if context.state.sharing is not None:
            sharing.forget(context, task)
        _let_heads_try(context, (pool.name for pool, _ in task.step.acquires))


def _return(context: Context, units: Units, key: Key) -> None:
    for pool, count in units:
        if pool.is_shared and context.state.sharing is not None:
            sharing.give_back(context, pool.name, count, key)
            continue
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
