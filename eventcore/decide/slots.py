"""Slots: how many tasks may run at once, in all, in each executor and of each step.

A task that finds a limit full is parked there and comes back, in its old order, when a slot is free. The order is that
of `arrival`: becoming ready, or where the program ranks its steps, their rank and then becoming ready.
"""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.state import Limit, Task
from eventcore.define.program import Role, Step


def make_ready(context: Context, task: Task) -> None:
    """Queue the task for its start, behind all tasks of the same rank that are already ready."""
    state = context.state
    state.arrivals += 1
    task.arrival = state.arrivals if context.ranks is None else (context.ranks.of(task, state.progress), state.arrivals)
    state.ready.push(task)


def take_slots(context: Context, task: Task) -> bool:
    """Take a slot under each limit that applies, or park the task at the first limit that is full."""
    needed = limits_of(context, task.step)
    for limit in needed:
        if limit.most is not None and limit.used >= limit.most:
            limit.parked.push(task)
            return False
    for limit in needed:
        limit.used += 1
    return True


def free_slots(context: Context, task: Task) -> None:
    """Give back the slots of a task whose try has ended."""
    context.state.running.pop(task.key, None)
    for limit in limits_of(context, task.step):
        limit.used -= 1
        if limit.parked and limit not in context.state.roomy:
            context.state.roomy.append(limit)


def forget(context: Context, task: Task) -> None:
    """Take a ready task out of the queue that it is in."""
    if not context.state.ready.discard(task):
        any(limit.parked.discard(task) for limit in limits_of(context, task.step))


def unpark(context: Context) -> None:
    """Return the task that goes first, of each limit that has a free slot, to the ready ones."""
    roomy = [limit for limit in context.state.roomy if limit.parked and not limit.is_full]
    for limit in roomy:
        context.state.ready.push(limit.parked.pop())
    context.state.roomy = roomy


def limits_of(context: Context, step: Step) -> list[Limit]:
    """The limits that apply to a step's tasks: that of all tasks, its executor's, its own."""
    known = context.state.limits_by_step.get(step.name)
    if known is None:
        limits = context.state.limits
        if step.role is Role.stream:
            return context.state.limits_by_step.setdefault(step.name, [])
        known = [limits["all"]]
        executor = limits.get(f"by {executor_of(context, step)}")
        if executor is not None:
            known.append(executor)
        most = step.config.max_concurrent
        if most is not None and most >= 1:
            known.append(Limit(most))
        context.state.limits_by_step[step.name] = known
    return known


def executor_of(context: Context, step: Step) -> object:
    """The `task_construct` that runs the step, in canonical form."""
    return context.plan.config.of_step(step.config, "task_construct")
