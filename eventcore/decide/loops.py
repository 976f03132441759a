"""Loops: how a container walks the iterations of its scope, from its items to its end.

A container is one task, active from its start to its end. Its items are computed once, by a step of their own, and
recorded; then its iterations begin, `concurrent` of them side by side, in order. An iteration is over when every step
in it has ended or can no longer run. None begins after one that a failure ended.
"""

from __future__ import annotations

from eventcore.decide import carrying, ending, expressions, loop_keys, members
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Progress, Task
from eventcore.define.program import Loop, Step
from eventcore.define.status import TaskStatus

_NO_ITEMS = "its items were never computed, as the `recovery` policy skipped that; rerun the step to compute them"


def walk_once(context: Context, task: Task) -> None:
    """Begin the one iteration of a container without items."""
    context.state.progress[task.key] = Progress(task, 1)
    _note_clean(context, task)
    advance(context, task)


def items_over(context: Context, container: Step, at: Iteration) -> None:
    """The items of a container are recorded, could not be computed, or never will be."""
    task = at.tasks.get(container.name)
    loop = _loop(container)
    if task is None or task.status is not TaskStatus.active or task.key in context.state.progress:
        return
    items = at.tasks.get(loop.items or "")
    if items is not None and items.status.is_done:
        _walk_items(context, task, items)
    elif items is not None and items.status is TaskStatus.failure:
        last = next((a for a in reversed(context.changes.attempts) if a.task is items), None)
        why, traceback = (None, None) if last is None else (last.error, last.traceback)
        error = f"its loop could not be computed: {why or 'see its log'}"
        _end_unwalked(context, task, TaskStatus.failure, error, traceback)
    else:
        members.none_came(context, task)
        _ended_early(context, task)


def advance(context: Context, task: Task) -> None:
    """Begin as many iterations as may run now; end the container if none is left."""
    progress, loop = context.state.progress[task.key], _loop(task.step)
    ended = task.ending is not None or (task.at.halted and not task.step.place.survives)
    may_begin = not (progress.broken or progress.cancelled or ended or context.starts_nothing)
    while may_begin and progress.begun < progress.size and progress.begun - progress.over < loop.concurrent:
        progress.begun += 1
        number = progress.begun
        key = str(number) if progress.keys is None else next(progress.keys)
        if progress.clean_before is not None and progress.clean_before[number]:
            progress.over += 1
        else:
            _begin(context, task, loop, number, key)
    if loop.items is not None:
        context.changes.loops[task.key] = progress
    if loop.tallies:
        goes_on = not (progress.broken or progress.cancelled or ended)
        members.count(context, progress, goes_on=goes_on)
    if progress.over < progress.begun:
        return
    if progress.failed and not _is_late(task):
        _finish(context, task, TaskStatus.failure)
    elif ended or progress.cancelled:
        del context.state.progress[task.key]
        _ended_early(context, task)
    elif progress.begun == progress.size:
        task.clean = progress.clean
        _finish(context, task, TaskStatus.success)


def iteration_over(context: Context, iteration: Iteration) -> None:
    """Every step of the iteration has ended or can no longer run: close it, and advance its container."""
    task = iteration.container
    assert task is not None
    if iteration.failed:
        iteration.status = TaskStatus.failure
    else:
        iteration.status = TaskStatus.cancelled if iteration.halted else TaskStatus.success
    iteration.clean = iteration.status is TaskStatus.success and _is_clean(iteration, _loop(task.step))
    context.changes.over[iteration.scope, iteration.sequence] = iteration
    _close(context, iteration, task)
    if _loop(task.step).carried:
        carrying.over(context, iteration)
    progress = context.state.progress[task.key]
    progress.over += 1
    progress.clean &= iteration.clean
    progress.failed += iteration.status is TaskStatus.failure
    progress.cancelled += iteration.status is TaskStatus.cancelled
    progress.broken |= iteration.broken
    advance(context, task)


def resume(context: Context, progress: Progress) -> None:
    """Continue a loop that another engine has begun."""
    task = progress.task
    progress.is_recorded = True
    items = _loop(task.step).items or ""
    count = context.archive.item_count(items, task.sequence)
    if count is not None and count.keyed:
        first = progress.begun + 1
        progress.keys = loop_keys.keys_in(context.archive.item_slices(items, task.sequence, first), first)
    _note_clean(context, task)


def _walk_items(context: Context, task: Task, items: Task) -> None:
    fresh = next((source for known, source in context.changes.items if known is items), None)
    count = fresh or context.archive.item_count(items.step.name, task.sequence)
    if count is None:
        _end_unwalked(context, task, TaskStatus.failure, _NO_ITEMS)
        return
    progress = context.state.progress[task.key] = Progress(task, count.size)
    if count.keyed:
        recorded = context.archive.item_slices(items.step.name, task.sequence, 1) if fresh is None else fresh.slices()
        progress.keys = loop_keys.keys_in(recorded)
    _note_clean(context, task)
    advance(context, task)


def _end_unwalked(
    context: Context, task: Task, status: TaskStatus, error: str | None = None, traceback: str | None = None
) -> None:
    members.none_came(context, task)
    ending.engine_ended(context, task, status, error, traceback)


def _note_clean(context: Context, task: Task) -> None:
    """Find out which iterations an earlier recovery ended clean: they are counted as over without being walked.

    What is asked of the steps inside follows from walking them.
    """
    if not context.history.tasks or not context.history.same_program or _loop(task.step).exports:
        return
    progress = context.state.progress[task.key]
    for number in context.archive.clean_iterations(_loop(task.step).scope.name, task.sequence):
        if progress.clean_before is None:
            progress.clean_before = bytearray(progress.size + 1)
        progress.clean_before[number] = True


def _begin(context: Context, task: Task, loop: Loop, number: int, key: str) -> None:
    sequence = f"{task.sequence}.{key}"
    iteration = Iteration(loop.scope.name, sequence, task, number)
    iteration.started = context.now
    place = loop.scope.name, sequence
    context.state.iterations[place] = task.at.inner[place] = iteration
    context.changes.begun[place] = iteration
    if loop.carried or loop.scope.name in context.plan.carried_into:
        carrying.begun(context, iteration)
    assert loop.scope.begin is not None
    context.agenda.append((loop.scope.begin, iteration))


def _close(context: Context, iteration: Iteration, task: Task) -> None:
    del context.state.iterations[iteration.scope, iteration.sequence]
    task.at.inner.pop((iteration.scope, iteration.sequence), None)
    for gate in iteration.gates.values():
        expressions.forget(context, gate)


def _ended_early(context: Context, task: Task) -> None:
    """End a container that does not come to the end of its loop."""
    if task.ending is not None and _is_late(task):
        ending.engine_ended(context, task, *task.ending)
    else:
        ending.engine_ended(context, task, TaskStatus.cancelled)


def _is_late(task: Task) -> bool:
    """Whether it is being ended as a failure, because its deadline has passed."""
    return task.ending is not None and task.ending.status is TaskStatus.failure


def _finish(context: Context, task: Task, status: TaskStatus) -> None:
    del context.state.progress[task.key]
    ending.task_over(context, task, status)


def _is_clean(iteration: Iteration, loop: Loop) -> bool:
    """Whether walking the iteration again could change nothing, whatever a recovery brings about outside."""
    return all(name in iteration.tasks for name in loop.looking_out) and all(
        (task.status.is_done or task.status is TaskStatus.omitted)
        and (not task.step.is_container or bool(task.clean))
        and task.step.acquires == task.step.releases
        for task in iteration.tasks.values()
    )


def _loop(step: Step) -> Loop:
    assert step.loop is not None
    return step.loop
