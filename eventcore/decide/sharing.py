"""Units that several runs share: what a run holds of them and claims, while the store decides who gets them.

A task that needs shared units makes a claim: it waits in the store, holds nothing, and is granted all it names or
nothing. Claims are served in the order in which they were made; one waits behind each earlier claim, of whatever run,
that names a pool of its own. Program-scope units that the task needs besides are taken at the moment of the grant, by
the same engine and between two turns, so that the task gets both kinds together.

No two tasks can wait for each other. A claim is made when nothing but shared units keeps its task from starting; if
that changes, or a task of its run that has a better rank claims one of its pools, it is set aside: it keeps its place,
and others pass it by until the task is able to start again. So a task waits in one of these ways:

- One that is not able waits for tasks of its own run that go before it. Their queues have one order, that of arrival,
  so the chain of such waits ends at a task that is able or needs no shared units; see `resources` for the latter.
- One that is able waits behind earlier claims that are not set aside. Claims that name a common pool are made one
  after the other, with that pool's row locked, and numbered in this order; numbers along a chain of such waits
  decrease, so it ends at a claim that waits for nothing but units that are taken.
- Who has taken units is in no queue: it runs, or it waits for a slot, which only what runs has.

A large claim is not starved: while it waits for units, none of its pools is given to a later one. What a program holds
while it waits for more, in a container around the step or in a step that does not release, can block others and be
blocked as within one program; programs that do so must take their pools in one order.

An engine that enters a run holds nothing. What the run had when its engine left, in containers that are active, in
deferred tasks and in steps that did not release, is claimed again first, and its tasks start when it is back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from eventcore.decide import slots
from eventcore.decide.changes import Key, UnitChanges
from eventcore.decide.context import Context
from eventcore.decide.ranking import Rank
from eventcore.decide.state import Claim, Limit, PoolState, Sharing, Task
from eventcore.define.program import Step


def is_asking(context: Context, step: Step) -> bool:
    """Whether the step's tasks need units that other runs share."""
    return context.state.sharing is not None and any(pool.is_shared for pool, _ in step.acquires)


def own_units(context: Context, step: Step) -> list[tuple[PoolState, int]]:
    """What the step acquires of pools that belong to its run."""
    return [(context.state.pools[pool.name], count) for pool, count in step.acquires if not pool.is_shared]


def has_room(context: Context, task: Task) -> bool:
    """Whether the task could have a slot if it was given its units now; else it waits until one is free."""
    for limit in _limits(context, task):
        if limit.room == 0 or (limit.shy and limit.shy.first.arrival < task.arrival):
            limit.shy.push(task)
            return False
    return True


def claim(context: Context, task: Task) -> None:
    """Ask for the task's shared units, if it has not asked yet."""
    sharing = _sharing(context)
    if task.key in sharing.claims:
        return
    needs = {pool.name: count for pool, count in task.step.acquires if pool.is_shared}
    sharing.claims[task.key] = sharing.asked[task.key] = Claim(task.key, needs, task)
    for limit in _limits(context, task):
        limit.pledged += 1


def take_back(context: Context, key: Key, needs: dict[str, int]) -> None:
    """Ask for what the run had before."""
    if needs:
        sharing = _sharing(context)
        sharing.claims[key] = sharing.asked[key] = Claim(key, needs, None)
        sharing.back.add(key)


def granted(context: Context, key: Key) -> Task | None:
    """Note that a claim is granted; returns the task that it was for."""
    sharing = _sharing(context)
    found = sharing.claims.pop(key)
    for pool, count in found.needs.items():
        sharing.held.setdefault(pool, {})[key] = count
        context.state.pools[pool].taken += count
    _closed(context, found)
    return found.task


def limited(context: Context, limits: Mapping[str, int | None]) -> bool:
    """Take the limits that the store has; True where one changed. Less than the program's own may be raised again."""
    is_changed = False
    for name, limit in limits.items():
        pool, declared = context.state.pools[name], context.plan.pools[name].limit
        known = None if limit is None or declared is None else max(limit, declared)
        is_changed |= known != pool.limit
        pool.limit = known
    return is_changed


def forget(context: Context, task: Task) -> None:
    """The task wants its units no longer."""
    found = _sharing(context).claims.get(task.key)
    if found is not None and found.task is task:
        _withdraw(context, found)


def give_back(context: Context, pool: str, count: int, key: Key) -> None:
    """Return units that the run has: of the task at the key first, then of ended tasks, then of any.

    What the run is to get back and has not got yet counts as what it has.
    """
    sharing, state = _sharing(context), context.state
    held = sharing.held.setdefault(pool, {})
    claimed = [one for one in sharing.back if pool in sharing.claims[one].needs]
    for one in sorted({*held, *claimed}, key=lambda one: (one != key, one in state.live, one)):
        if not count:
            return
        if one in held:
            returned = min(count, held[one])
            held[one] -= returned
            state.pools[pool].taken -= returned
            sharing.changed.add((pool, one))
            if not held[one]:
                del held[one]
        else:
            returned = min(count, sharing.claims[one].needs[pool])
            _reduce(context, sharing.claims[one], pool, returned)
        count -= returned


def promoted(context: Context) -> bool:
    """Have tasks that were held up try again, where they may now; False if there are none."""
    sharing, ready = _sharing(context), context.state.ready
    before = len(ready)
    if not starts_anything(context):
        return False
    if not sharing.back:
        for task in sharing.gated:
            ready.push(task)
        sharing.gated = []
    for limit in (sharing.most, *context.state.limits.values(), *_own_limits(context)):
        room = limit.room
        for _ in range(len(limit.shy) if room is None else min(room, len(limit.shy))):
            ready.push(limit.shy.pop())
    return len(ready) > before


def starts_anything(context: Context) -> bool:
    """Whether ready tasks may start at all."""
    state = context.state
    return not (state.stopped and context.starts_nothing) and (not state.paused or state.cancelled)


def waits(context: Context) -> bool:
    """Whether units that others have are to be waited for."""
    sharing = context.state.sharing
    if sharing is None or not starts_anything(context):
        return False
    return any(not _is_stuck(context, one) for one in sharing.claims.values())


def published(context: Context) -> UnitChanges:
    """What changed since this was called last."""
    sharing = _sharing(context)
    moved, able = [], {key: one for key, one in sharing.claims.items() if _is_able(context, one)}
    first = _first_ranks(able.values()) if context.ranks is not None else {}
    for key, one in sharing.claims.items():
        is_able = key in able and _goes_first(one, first)
        if is_able is not one.is_able and key not in sharing.asked:
            moved.append((key, is_able))
        one.is_able = is_able
    changes = UnitChanges(
        sharing.withdrawn,
        [(pool, key, sharing.held[pool].get(key, 0)) for pool, key in sorted(sharing.changed)],
        moved,
        [(key, dict(one.needs), one.is_able) for key, one in sharing.asked.items()],
    )
    sharing.withdrawn, sharing.changed, sharing.asked = [], set(), {}
    return changes


def _is_able(context: Context, one: Claim) -> bool:
    if one.task is None:
        return not _is_stuck(context, one)
    if not starts_anything(context) or _is_stuck(context, one):
        return False
    return all(pool.may_take(one.task, count) for pool, count in own_units(context, one.task.step))


def _first_ranks(able: Iterable[Claim]) -> dict[str, Rank]:
    """The best rank of the claims to each pool."""
    found: dict[str, Rank] = {}
    for one in able:
        if one.task is not None:
            rank = one.task.arrival[0]
            found |= {pool: min(rank, found.get(pool, rank)) for pool in one.needs}
    return found


def _goes_first(one: Claim, first: Mapping[str, Rank]) -> bool:
    """Whether no claim of the run of a better rank wants a pool of its own; one that does goes before it."""
    return one.task is None or not first or all(one.task.arrival[0] <= first[pool] for pool in one.needs)


def _is_stuck(context: Context, one: Claim) -> bool:
    """Whether the run itself has the units that are missing, and nothing is under way that returns them."""
    state = context.state
    if state.running or state.deferred:
        return False
    pools = ((state.pools[name], count) for name, count in one.needs.items())
    return any(pool.taken > 0 and not pool.has_free(count) for pool, count in pools)


def _reduce(context: Context, one: Claim, pool: str, count: int) -> None:
    """Ask for less of what the run had before."""
    _withdraw(context, one)
    needs = one.needs | {pool: one.needs[pool] - count}
    take_back(context, one.key, {name: left for name, left in needs.items() if left})


def _withdraw(context: Context, one: Claim) -> None:
    sharing = _sharing(context)
    del sharing.claims[one.key]
    if sharing.asked.pop(one.key, None) is None:
        sharing.withdrawn.append(one.key)
    _closed(context, one)


def _closed(context: Context, one: Claim) -> None:
    """A claim waits no longer."""
    _sharing(context).back.discard(one.key)
    if one.task is not None:
        for limit in _limits(context, one.task):
            limit.pledged -= 1


def _limits(context: Context, task: Task) -> list[Limit]:
    """The limits under which the task asks; one without a function takes no slot."""
    most = _sharing(context).most
    return [most] if task.step.func is None else [most, *slots.limits_of(context, task.step)]


def _own_limits(context: Context) -> list[Limit]:
    """The limits that steps have for themselves."""
    found = (limits[-1] for limits in context.state.limits_by_step.values() if limits)
    return [limit for limit in found if limit.shy]


def _sharing(context: Context) -> Sharing:
    assert context.state.sharing is not None
    return context.state.sharing
