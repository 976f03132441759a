"""Which ready task starts next: first come, first served among those of one rank, within the limits that apply to it.

Containers and steps without a function take no slot: they run as part of the decision.
"""

from __future__ import annotations

from eventcore.decide import around, deadlines, deferring, ending, loops, resources, slots, tasks, triggering
from eventcore.decide.context import Context
from eventcore.decide.state import Task
from eventcore.define.status import StepStatus, TaskStatus


def start_next(context: Context) -> bool:
    """Start one ready task, or find that none can start; True while there may be more to do."""
    state = context.state
    if (state.stopped and context.starts_nothing) or (state.paused and not state.cancelled):
        return False
    while True:
        if state.roomy:
            slots.unpark(context)
        if not state.ready:
            return False
        task = state.ready.pop()
        if task.status is not TaskStatus.ready or (task.due is not None and task.due > context.now):
            continue
        step = task.step
        if state.sharing is not None and state.sharing.back and not task.holds:
            state.sharing.gated.append(task)
            continue
        if state.untouched and step.func is not None and around.holds_back(context, task):
            continue
        if step.acquires and not task.holds and not resources.take(context, task):
            continue
        if step.func is not None and not slots.take_slots(context, task):
            continue
        if state.reserved:
            resources.begun(context, task)
        tasks.set_status(context, task, TaskStatus.active)
        context.raise_triggers(task, StepStatus.active)
        if step.func is not None:
            state.running[task.key] = task
            context.changes.starts.append(task)
        else:
            _run_here(context, task)
        return True


def _run_here(context: Context, task: Task) -> None:
    """Run a step that needs no worker."""
    step = task.step
    if step.loop is not None:
        if step.config.deadline is not None:
            deadlines.begin(context, task)
        start_container(context, task)
        return
    if step.wait is not None:
        deferring.begin_wait(context, task)
        return
    if step.items is not None:
        context.changes.items.append((task, step.items, None))
    ending.task_over(context, task, TaskStatus.success)


def start_container(context: Context, task: Task) -> None:
    """Have the container's items computed, or walk its one iteration."""
    assert task.step.loop is not None
    if task.step.loop.items is None:
        loops.walk_once(context, task)
    elif task.step.loop.is_stream:
        loops.walk_stream(context, task)
    else:
        triggering.reach(context, context.plan.steps[task.step.loop.items], task.at)
