"""Levels: what follows when everything on one, the flow's own or an iteration, is over but the steps that wait for it.

A failure counts if nothing handles it. Where there was none, but the level was ended before its time, because a user
cancelled it or something around it was ended, it is neither success nor failure.
"""

from __future__ import annotations

from eventcore.decide.context import Context
from eventcore.decide.state import Iteration
from eventcore.define.status import TaskStatus


def ended(context: Context, at: Iteration) -> None:
    """Raise the events that say how everything else on the level has ended."""
    failed = at.failed or (at.container is None and context.state.failures > 0)
    status = TaskStatus.failure if failed else TaskStatus.cancelled if at.halted else TaskStatus.success
    context.agenda.extend((event, at) for event in context.plan.scopes[at.scope].outcomes.get(status, ()))
