"""Who goes first when places are scarce: the task of the highest priority; then, with `order: longest`, the one from
which the longest chain of work is left; then the one that became ready first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from eventcore.decide.chains import Chains, chains
from eventcore.decide.plan import Plan
from eventcore.decide.state import Progress, Task

Rank: TypeAlias = int | tuple[int, float]


class Ranks:
    """The ranks of a program's tasks, all of one kind, so that they can be compared; the least goes first."""

    def __init__(self, priorities: Mapping[str, int], left: Chains | None) -> None:
        self._priorities = priorities
        self._chains = left

    def of(self, task: Task, progress: Mapping[tuple[str, str], Progress]) -> Rank:
        """The task's rank, as the loops around it stand."""
        priority = self._priorities.get(task.step.name, 0)
        if self._chains is None:
            return -priority
        left, around = self._chains.left[task.step.name], task.at
        while around.container is not None:
            container = around.container
            loop, walk = container.step.loop, progress.get(container.key)
            if loop is not None and walk is not None:
                further = (walk.size - around.number) // loop.concurrent
                left += further * self._chains.rounds[container.step.name]
            around = container.at
        return -priority, -left


def ranks_of(plan: Plan, durations: Mapping[str, float]) -> Ranks | None:
    """The ranks by the plan's configuration; None where all steps are of one rank.

    `durations`, in seconds by steps' names, is what steps took before, as far as that is known.
    """
    priorities = {step.name: step.config.priority for step in plan.steps.values() if step.config.priority}
    if plan.config.order == "longest":
        return Ranks(priorities, chains(plan, durations))
    return Ranks(priorities, None) if priorities else None
