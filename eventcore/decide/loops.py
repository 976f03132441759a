"""Loops: how a container walks the iterations of its scope, from its items to its end.

A container is one task, active from its start to its end. Its items are computed once, by a step of their own, and
recorded; then its iterations begin, `concurrent` of them side by side, in order. An iteration is over when every step
in it has ended or can no longer run. None begins after one that a failure ended.
"""

from __future__ import annotations

from eventcore.decide import (
    around,
    carrying,
    ending,
    expressions,
    halting,
    loop_keys,
    members,
    open_ends,
    recovery,
    slots,
    streams,
    tasks,
)
from eventcore.decide.context import Context
from eventcore.decide.state import Iteration, Progress, Task
from eventcore.define.items import recorded_items
from eventcore.define.outcome import Outcome
from eventcore.define.program import Step
from eventcore.define.scopes import Loop
from eventcore.define.status import TaskStatus

_NO_ITEMS = "its items were never computed, as the `recovery` policy skipped that; rerun the step to compute them"


def walk_once(context: Context, task: Task) -> None:
    """Begin the iterations of a container without items: one, or as many as its condition asks for."""
    context.state.progress[task.key] = Progress(task, 1 if _loop(task.step).until is None else 0)
    around.note_untouched(context, task)
    _note_clean(context, task)
    advance(context, task)


def items_over(context: Context, container: Step, at: Iteration) -> None:
    """The items of a container are recorded, could not be computed, or never will be."""
    task = at.tasks.get(container.name)
    loop = _loop(container)
    if task is None or task.status is not TaskStatus.active:
        return
    if task.key in context.state.progress:
        if loop.is_stream:
            advance(context, task)
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


def walk_stream(context: Context, task: Task) -> None:
    """Begin a container whose items come one by one, with those that earlier recoveries recorded."""
    loop, at, history = _loop(task.step), task.at, context.history
    step = context.plan.steps[loop.items or ""]
    past = history.tasks.get((step.name, at.sequence))
    count = None if past is None else context.archive.item_count(step.name, at.sequence)
    progress = context.state.progress[task.key] = Progress(task, 0 if count is None else count.size)
    progress.origin = None if count is None else count.recovery
    around.note_untouched(context, task)
    _note_clean(context, task)
    if past is not None and recovery.skips(step, past, history):
        recovery.skip(context, step, at, past)
    elif history.only is None or history.only.covers(step.name, at.sequence):
        tasks.create(context, step, at)
    advance(context, task)


def item_came(context: Context, items: Task, outcome: Outcome) -> bool:
    """A stream has handed over an item, or was given up; False where it is over, or what it was asked has failed."""
    items.arrival = 0
    container = context.plan.steps_served[items.step.name]
    task = items.at.tasks[container.name]
    progress = context.state.progress.get(task.key)
    is_item = outcome.ok and outcome.instead is None and outcome.result is not None
    found = recorded_items(outcome.result if is_item and outcome.result is not None else "[]")
    was_given_up = items.ending is not None and not outcome.ok
    if progress is None or not (found.size or was_given_up):
        return False
    if found.size:
        context.changes.items.append((items, found, progress.origin))
        progress.size += found.size
    items.ending = None
    slots.free_slots(context, items)
    tasks.set_status(context, items, TaskStatus.ready)
    advance(context, task)
    return True


def advance(context: Context, task: Task) -> None:
    """Begin as many iterations as may run now; end the container if none is left."""
    progress, loop = context.state.progress[task.key], _loop(task.step)
    is_stopped = context.state.stopped and context.starts_nothing
    may_begin = not (progress.broken or progress.cancelled or is_stopped or _is_ended(context, task))
    while may_begin and progress.begun - progress.over < loop.concurrent:
        if progress.begun >= progress.size and not _has_next(context, task, progress):
            break
        number = progress.begun + 1
        was_clean = progress.clean_before is not None and progress.was_clean(number)
        if loop.setup is not None and not was_clean and not around.is_set_up(context, task, loop.setup):
            break
        progress.begun = number
        key = str(number) if progress.keys is None else next(progress.keys)
        if was_clean:
            progress.over += 1
        else:
            _begin(context, task, loop, number, key)
    if loop.items is not None or loop.teardown is not None or loop.until is not None:
        context.changes.loops[task.key] = progress
    if loop.tallies:
        goes_on = not (progress.broken or progress.cancelled or _is_ended(context, task) or around.has_failed(task))
        members.count(context, progress, goes_on=goes_on)
    if progress.over < progress.begun or (loop.setup is not None and around.is_setting_up(task)):
        return
    if may_begin and loop.is_stream and streams.items_of(task, loop) is not None and not around.has_failed(task):
        return  # the next item is asked for
    status = _outcome(context, task, progress)
    if status is None or (loop.is_stream and not _is_ended_stream(context, task, loop)):
        return
    if loop.teardown is None or around.is_torn_down(context, task, progress):
        _finish(context, task, status)


def goes_on(context: Context, container: Step, at: Iteration) -> None:
    """The setup or the teardown of a container is over."""
    task = at.tasks.get(container.name)
    if task is not None and task.key in context.state.progress:
        around.let_go(context, task)
        advance(context, task)


def iteration_over(context: Context, iteration: Iteration) -> None:
    """Every step of the iteration has ended or can no longer run: close it, and advance its container."""
    task = iteration.container
    assert task is not None
    if iteration.failed:
        iteration.status = TaskStatus.failure
    else:
        iteration.status = TaskStatus.cancelled if iteration.halted else TaskStatus.success
    loop, progress = _loop(task.step), context.state.progress[task.key]
    iteration.clean = iteration.status is TaskStatus.success and _is_clean(iteration, loop)
    progress.clean &= iteration.clean
    if loop.until is not None:
        open_ends.asked(context, iteration, progress)
    context.changes.over[iteration.scope, iteration.sequence] = iteration
    _close(context, iteration, task)
    if loop.carried:
        carrying.over(context, iteration)
    progress.over += 1
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
    if count is not None and progress.size:
        progress.origin = count.recovery
    if count is not None and count.keyed:
        first = progress.begun + 1
        progress.keys = loop_keys.keys_in(context.archive.item_slices(items, task.sequence, first), first)
    _note_clean(context, task)


def _walk_items(context: Context, task: Task, items: Task) -> None:
    fresh = next((source for known, source, _ in context.changes.items if known is items), None)
    count = fresh or context.archive.item_count(items.step.name, task.sequence)
    if count is None:
        _end_unwalked(context, task, TaskStatus.failure, _NO_ITEMS)
        return
    progress = context.state.progress[task.key] = Progress(task, count.size)
    if count.keyed:
        recorded = context.archive.item_slices(items.step.name, task.sequence, 1) if fresh is None else fresh.slices()
        progress.keys = loop_keys.keys_in(recorded)
    around.note_untouched(context, task)
    _note_clean(context, task)
    advance(context, task)


def _end_unwalked(
    context: Context, task: Task, status: TaskStatus, error: str | None = None, traceback: str | None = None
) -> None:
    members.none_came(context, task)
    ending.engine_ended(context, task, status, error, traceback)


def _note_clean(context: Context, task: Task) -> None:
    """Find out which iterations an earlier recovery ended clean: they are counted as over without being walked."""
    if not context.history.tasks or not context.history.same_program:
        return
    progress = context.state.progress[task.key]
    for number in context.archive.clean_iterations(_loop(task.step).scope.name, task.sequence):
        if progress.clean_before is None:
            progress.clean_before = bytearray(progress.size + 1)
        if number >= len(progress.clean_before):  # where nobody knows how many there will be
            progress.clean_before.extend(bytes(number + 1 - len(progress.clean_before)))
        progress.clean_before[number] = True


def _has_next(context: Context, task: Task, progress: Progress) -> bool:
    """Whether there is an iteration behind the known ones; a stream is asked for its next item."""
    loop = _loop(task.step)
    if loop.until is not None and open_ends.wants_more(task, progress):
        progress.size += 1
        return True
    if loop.is_stream and (items := streams.items_of(task, loop)) is not None:
        streams.ask(context, items)
    return False


def _is_ended_stream(context: Context, task: Task, loop: Loop) -> bool:
    """Whether a stream is over; it is ended where it is not, as its container has no use for it any more."""
    items = streams.items_of(task, loop)
    if items is not None:
        streams.end(context, items)
    return items is None or items.status.is_over


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


def _is_ended(context: Context, task: Task) -> bool:
    """Whether the container is to end without the iterations that have not begun."""
    if task.ending is not None or (task.at.halted and not task.step.place.survives):
        return True
    return context.state.cancelled and not halting.outlives(task)


def _ended_early(context: Context, task: Task) -> None:
    """End a container that is not walked."""
    if task.ending is not None and _is_late(task):
        ending.engine_ended(context, task, *task.ending)
    else:
        ending.engine_ended(context, task, TaskStatus.cancelled)


def _is_late(task: Task) -> bool:
    """Whether it is being ended as a failure, because its deadline has passed."""
    return task.ending is not None and task.ending.status is TaskStatus.failure


def _outcome(context: Context, task: Task, progress: Progress) -> TaskStatus | None:
    """How a container ends of which no iteration is open; None where one will begin, in this recovery or another."""
    loop, is_whole = _loop(task.step), progress.begun == progress.size
    if loop.until is not None:
        is_whole = open_ends.is_met(task, progress)
    if loop.is_stream:
        is_whole = is_whole and streams.is_whole(task, loop)
    if progress.failed or around.has_failed(task) or _is_late(task):
        return TaskStatus.failure
    is_cut_short = loop.is_stream and not is_whole and around.is_closing(task)
    if progress.cancelled or is_cut_short or (_is_ended(context, task) and (loop.teardown is None or not is_whole)):
        return TaskStatus.cancelled
    if loop.until is not None and open_ends.is_exhausted(task, progress):
        return TaskStatus.failure
    return TaskStatus.success if is_whole else None


def _finish(context: Context, task: Task, status: TaskStatus) -> None:
    """End the container; its setup and its teardown have a say in that."""
    progress, loop = context.state.progress.pop(task.key), _loop(task.step)
    error = traceback = None
    if loop.tallies:
        members.count(context, progress, goes_on=False)
    if loop.setup is not None or loop.teardown is not None or loop.is_stream or loop.until is not None:
        error, traceback = around.trouble(context, task)
        own = open_ends.trouble(task, progress)
        if own is not None:
            error, traceback = "; ".join(filter(None, (own[0], error))), own[1] or traceback
        context.state.untouched.pop(task.key, None)
        status = status if error is None else TaskStatus.failure
    if task.ending is not None and _is_late(task):
        error = "; ".join(filter(None, (task.ending.error, error)))
    if status is TaskStatus.success:
        task.clean = progress.clean
    ending.engine_ended(context, task, status, error, traceback)


def _is_clean(iteration: Iteration, loop: Loop) -> bool:
    """Whether walking the iteration again could change nothing, whatever a recovery brings about outside."""
    return (
        not loop.exports
        and all(name in iteration.tasks for name in loop.looking_out)
        and all(
            (task.status.is_done or task.status is TaskStatus.omitted)
            and (not task.step.is_container or bool(task.clean))
            and task.step.acquires == task.step.releases
            for task in iteration.tasks.values()
        )
    )


def _loop(step: Step) -> Loop:
    assert step.loop is not None
    return step.loop
