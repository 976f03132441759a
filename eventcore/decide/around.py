"""Setup and teardown: what runs before the first iteration of a container, and after its last.

Both are tasks beside the container's own. The setup starts when an iteration is to begin, so a container that has
nothing left to do has none; without its success, no iteration begins. Where a recovery walks a container that had
succeeded, it starts when something in it is to run, which then waits for it. The teardown starts when the container
would be over, whatever happened to its iterations and its setup, and the container ends with it.
"""

from __future__ import annotations

from eventcore.decide import halting, slots, tasks
from eventcore.decide.context import Context
from eventcore.decide.state import Progress, Task
from eventcore.define.status import StepStatus, TaskStatus

_FAILED = {
    "setup": "its setup failed",
    "items": "its loop could not be computed",
    "teardown": "its teardown failed",
}


def is_set_up(context: Context, task: Task, setup: str) -> bool:
    """Whether iterations of the container may begin; has the setup run where it has not."""
    known = task.at.tasks.get(setup)
    if known is None and task.key in context.state.untouched:
        return True
    if known is None:
        _begin(context, setup, task)
        return False
    return known.status.is_done


def note_untouched(context: Context, task: Task) -> None:
    """Note that the container may have nothing to do, as it had succeeded."""
    loop = task.step.loop
    if loop is None or (loop.setup is None and loop.teardown is None):
        return
    past = context.history.tasks.get(task.key)
    if past is not None and past.status.is_done:
        context.state.untouched[task.key] = []


def resume(context: Context, task: Task) -> None:
    """Note it again for a container that another engine has begun, where its setup has not ended."""
    name = None if task.step.loop is None else task.step.loop.setup
    if name is not None and (name not in task.at.tasks or not task.at.tasks[name].status.is_over):
        note_untouched(context, task)


def holds_back(context: Context, task: Task) -> bool:
    """Whether the task has to wait for the setup of a container around it, which then has something to do."""
    untouched, found = context.state.untouched, list[Task]()
    container = task.at.container
    while container is not None:
        if container.key in untouched:
            found.append(container)
        container = container.at.container
    for container in reversed(found):
        assert container.step.loop is not None
        setup = container.step.loop.setup
        if setup is not None:
            if setup not in container.at.tasks:
                _begin(context, setup, container)
            untouched[container.key].append(task)
            return True
        del untouched[container.key]
    return False


def let_go(context: Context, task: Task) -> None:
    """The container's setup is over: what has waited for it may start, or will not."""
    setup = _task_of(task, "setup")
    if setup is None or not setup.status.is_over or task.key not in context.state.untouched:
        return
    waiting = context.state.untouched.pop(task.key)
    if setup.status.is_done:
        for one in waiting:
            context.state.ready.push(one)
        return
    for iteration in list(task.at.inner.values()):
        if iteration.container is task:
            halting.halt(context, iteration)


def is_setting_up(task: Task) -> bool:
    """Whether the container's setup is not over."""
    setup = _task_of(task, "setup")
    return setup is not None and not setup.status.is_over


def has_failed(task: Task) -> bool:
    """Whether the container has no success any more, because its setup failed, or the stream that gives its items."""
    serving = (_task_of(task, "setup"), _task_of(task, "items"))
    return any(known is not None and known.status is TaskStatus.failure for known in serving)


def is_closing(task: Task) -> bool:
    """Whether the container is being torn down, so that no further iteration begins."""
    return _task_of(task, "teardown") is not None


def is_torn_down(context: Context, task: Task, progress: Progress) -> bool:
    """Whether nothing is to be done after the last iteration; has the teardown run where it has not."""
    assert task.step.loop is not None
    name = task.step.loop.teardown
    if name is None:
        return True
    known = task.at.tasks.get(name)
    if known is None:
        if task.key in context.state.untouched or not _is_owed(task, progress):
            return True
        _begin(context, name, task)
        return False
    return known.status.is_over


def trouble(context: Context, task: Task) -> tuple[str | None, str | None]:
    """The error of a container whose setup, stream or teardown failed, and the traceback of the first that did."""
    told, first = [], None
    for what, said in _FAILED.items():
        known = _task_of(task, what)
        if known is not None and known.status is TaskStatus.failure:
            error, traceback = last_error(context, known)
            told.append(f"{said}: {error or 'see its log'}")
            first = first or traceback
    return "; ".join(told) or None, first


def _is_owed(task: Task, progress: Progress) -> bool:
    """Whether there may be something to tear down: a setup that began, or an iteration, maybe in an earlier recovery.

    Without a new iteration there is no new setup, and one that was cancelled before it began has done nothing.
    """
    setup = _task_of(task, "setup")
    return progress.over > 0 if setup is None else setup.started is not None


def _begin(context: Context, name: str, task: Task) -> None:
    """Reach the setup or teardown; history does not count for it."""
    known = tasks.create(context, context.plan.steps[name], task.at)
    context.raise_triggers(known, StepStatus.ready)
    slots.make_ready(context, known)


def _task_of(task: Task, what: str) -> Task | None:
    loop = task.step.loop
    name: str | None = None if loop is None else getattr(loop, what)
    return None if name is None else task.at.tasks.get(name)


def last_error(context: Context, known: Task) -> tuple[str | None, str | None]:
    """The error and the traceback of a task that failed in this recovery."""
    for attempt in reversed(context.changes.attempts):
        if attempt.task is known:
            return attempt.error, attempt.traceback
    return context.archive.last_error(*known.key)
