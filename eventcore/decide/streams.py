"""Streams: loops whose items come one by one, each asked for when an iteration may begin.

The step that hands them over is ready while nobody asks, and active while it is asked. It takes no slot, as its next
item may be long in coming. When it is over, there are no more.
"""

from __future__ import annotations

from eventcore.decide import halting, slots
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.scopes import Loop
from eventcore.define.status import TaskStatus


def items_of(task: Task, loop: Loop) -> Task | None:
    """The task that hands over the items of a container, as long as it is not over."""
    items = task.at.tasks.get(loop.items or "")
    return None if items is None or items.status.is_over else items


def is_whole(task: Task, loop: Loop) -> bool:
    """Whether all items have come, rather than that no more are wanted."""
    items = task.at.tasks.get(loop.items or "")
    return items is None or items.status.is_done


def ask(context: Context, items: Task) -> None:
    """Ask for the next item, unless that has been done or a failed one is tried again."""
    if items.status is TaskStatus.ready and items.due is None and not items.arrival:
        slots.make_ready(context, items)


def end(context: Context, items: Task) -> None:
    """Ask no more; what was asked is given up."""
    if items.status is TaskStatus.ready:
        halting.cancel(context, items)
    else:
        halting.give_up(context, items)
