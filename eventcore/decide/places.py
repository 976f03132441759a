"""Slots: how many tasks may run at once, in all, in each executor and of each step.

A task that finds a limit full is parked there and comes back, in its old order, when a place is free.
"""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.state import Limit, Task
from eventcore.define.program import Step


def make_ready(context: Context, task: Task) -> None:
    """Queue the task for its start, behind all that are ready already."""
    context.state.arrivals += 1
    task.arrival = context.state.arrivals
    context.state.ready.push(task)


def take_places(context: Context, task: Task) -> bool:
    """Take one under each limit that applies, or park the task at the first that is full."""
    needed = limits_of(context, task.step)
    for limit in needed:
        if limit.most is not None and limit.used >= limit.most:
            limit.parked.push(task)
            return False
    for limit in needed:
        limit.used += 1
    return True


def free_places(context: Context, task: Task) -> None:
    """The task's worker is through: give its places back."""
    context.state.running.pop(task.key, None)
    for limit in limits_of(context, task.step):
        limit.used -= 1
        if limit.parked and limit not in context.state.roomy:
            context.state.roomy.append(limit)


def unpark(context: Context) -> None:
    """Let those who waited longest for a free place stand with the others that are ready."""
    roomy = [limit for limit in context.state.roomy if limit.parked and not limit.is_full]
    for limit in roomy:
        context.state.ready.push(limit.parked.pop())
    context.state.roomy = roomy


def limits_of(context: Context, step: Step) -> list[Limit]:
    """The limits that a step's tasks count against: all that run, its executor's, its own."""
    known = context.state.limits_by_step.get(step.name)
    if known is None:
        limits = context.state.limits
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
    """What the step is to be run by, as its config writes it."""
    return context.plan.config.of_step(step.config, "task_construct")
