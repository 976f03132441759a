"""Why a task that was reached is in its state."""

from __future__ import annotations

from datetime import datetime

from eventcore.define.error_text import headline
from eventcore.define.plain import plain, quoted
from eventcore.define.program import COMPUTING, Role
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import StoredStep
from eventcore.record.views import InstanceView
from eventcore.run.next_action import stored_at
from visual.reasons.known import Known, Reason, listed
from visual.reasons.units import missing_units
from visual.standing import duration

#: what became of a task, in an earlier recovery
_stood = {
    TaskStatus.ready: "was ready and did not start",
    TaskStatus.active: "was interrupted",
    TaskStatus.failure: "failed",
    TaskStatus.cancelled: "was cancelled",
    TaskStatus.omitted: "omitted itself",
}


def why_it_stands(known: Known, task: InstanceView) -> list[Reason]:
    """The reasons for a task's status."""
    if task.status is TaskStatus.ready:
        return [*_ready(known, task), *_deadline(known, task)]
    if task.status is TaskStatus.active:
        return [*_active(known, task), *_deadline(known, task)]
    return _over(known, task)


def how_it_stood(known: Known, task: InstanceView) -> Reason:
    """What became of a task in an earlier recovery, where none has reached it since."""
    error = f": {headline(task.error)}" if task.error else ""
    return Reason("before", f"in recovery {task.recovery}, it {_stood[task.status]}{error}")


def traceback_of(task: InstanceView) -> list[Reason]:
    """The traceback of a task that failed, if it has one."""
    return [Reason("traceback", task.traceback.rstrip())] if task.traceback else []


def why_nothing_starts(known: Known) -> list[Reason]:
    """What holds up everything that is not over: the run is paused, over or without an engine; else empty."""
    found = [] if known.pause is None else [Reason("paused", known.pause)]
    return found if known.run.is_held else [*found, _without_engine(known)]


def _without_engine(known: Known) -> Reason:
    run = known.run
    if run.is_interrupted:
        return Reason("engine", str(known.next_action))
    if run.verdict is Verdict.submitted:
        return Reason("engine", f"the run has not begun; {known.next_action}")
    if run.verdict is Verdict.pending:
        return Reason("engine", f"no engine is at work on the run; {known.next_action}")
    if run.verdict is Verdict.failure:
        culprits = [f"{known.shown(task)}: {_said(task)}" for task in known.unhandled]
        return Reason("run", f"the run ended with failure{' of ' if culprits else ''}{listed(culprits, 3)}")
    if run.verdict is Verdict.stalled:
        return Reason("run", f"the run is stalled: {listed(run.stalled, 3)}")
    return Reason("run", f"the run is over: {run.state}")


def _ready(known: Known, task: InstanceView) -> list[Reason]:
    everything = why_nothing_starts(known)
    if task.due is not None:
        error = _last_error(known, task)
        if error is None and task.started is not None:
            text = f"what it asks for has not happened; asking again {known.due(task.due)}"
            return [Reason("retry", text), *everything]
        text = f"its next try, number {task.try_number}, {known.due(task.due)}"
        return [Reason("retry", text + (f", after {headline(error)}" if error else "")), *everything]
    units = missing_units(known, task)
    if units or everything:
        return [*units, *everything]
    return [_slot(known, task)]


def _deadline(known: Known, task: InstanceView) -> list[Reason]:
    """When it fails, if it is not over by then."""
    return [] if task.deadline is None else [Reason("deadline", f"its deadline {known.due(task.deadline)}")]


def _slot(known: Known, task: InstanceView) -> Reason:
    running = [other for other in known.live if other.status is TaskStatus.active and known.does_work(other)]
    own = [other for other in running if other.step == task.step]
    most = known.steps[task.step].config.get("max_concurrent")
    if most is not None and 1 <= most <= len(own):
        names = listed([known.shown(other) for other in own])
        return Reason("slot", f"it waits for a free slot: its own max_concurrent is {most}; active: {names}")
    if running:
        names = listed([known.shown(other) for other in running])
        ahead = listed([known.shown(other) for other in known.ahead(task) if known.does_work(other)])
        before = f"; of higher priority: {ahead}" if ahead else ""
        return Reason("slot", f"it waits for a free slot under max_concurrent; active: {names}{before}")
    return Reason("slot", "it is ready, and the engine is about to start it")


def _deferred(known: Known, task: InstanceView) -> list[Reason]:
    """What a task without a worker waits for."""
    step = known.steps[task.step]
    given = next((one for one in known.open_answers if one.is_for(step.path, task.sequence)), None)
    if given is not None:
        text = f"{plain(given.by)} answered it {known.at(given.at)}, which no engine has seen yet"
    elif step.role is Role.wait:
        instance = quoted(f"{step.path}@{task.sequence}")
        command = f"sequent signal {_store(known)} {instance} --run-id {known.run.run_id}"
        text = f"it waits for a signal; give it with: {command}"
    else:
        text = "its function has deferred its end; it waits for whoever has its ticket to complete it"
    found = [Reason("answer", text)]
    if task.due is not None:
        found.append(Reason("delay", f"its time {'was' if task.due <= known.now else 'is'} up {known.at(task.due)}"))
    return found if known.run.is_held else [*found, _without_engine(known)]


def _active(known: Known, task: InstanceView) -> list[Reason]:
    if task.ticket is not None:
        return _deferred(known, task)
    if not known.run.is_held:
        return [_without_engine(known)]
    since = duration(known.now - (task.started or known.now))
    if known.steps[task.step].role is not Role.container:
        return [Reason("running", f"it has been running for {since}, in try {task.try_number}")]
    inside = listed([f"{_told(known, other)} ({other.status.value})" for other in _inside(known, task)])
    return [Reason("running", f"it has been active for {since}; inside it: {inside or 'nothing yet'}")]


def _told(known: Known, task: InstanceView) -> str:
    """A task inside a container as users write it; what computes the container's items has no name of its own."""
    return "what its items come from" if known.steps[task.step].role in COMPUTING else known.shown(task)


def _inside(known: Known, task: InstanceView) -> list[InstanceView]:
    """What is not over inside a container's instance."""
    within = f"{task.sequence}."
    steps = _steps_inside(known, known.steps[task.step])
    return [other for other in known.live if other.step in steps and f"{other.sequence}.".startswith(within)]


def _steps_inside(known: Known, container: StoredStep) -> set[str]:
    """The kernel's steps inside a container, and those that compute its loop, set it up and tear it down."""
    beside = known.program.members[container.scope]
    found = {step.name for step in beside if step.is_hidden and step.path == container.path}
    for step in () if container.inside is None else known.program.members[container.inside]:
        found |= {step.name} | (_steps_inside(known, step) if step.role is Role.container else set())
    return found


def _over(known: Known, task: InstanceView) -> list[Reason]:
    at = "" if task.ended is None else datetime.fromtimestamp(task.ended).strftime(" at %Y-%m-%d %H:%M:%S")
    took = "" if task.ended is None or task.started is None else f" after {duration(task.ended - task.started)}"
    in_recovery = f" in recovery {task.recovery}" if known.run.recovery else ""
    if task.status is TaskStatus.success:
        ended = Reason("ended", f"it succeeded{in_recovery}{at}{took}, in try {task.try_number}")
        return [ended, *_answered(known, task)]
    if task.status is TaskStatus.skipped:
        return [Reason("ended", f"recovery {task.recovery} skipped it, because it had already succeeded{at}")]
    if task.status is TaskStatus.omitted:
        said = f": {headline(task.error)}" if task.error else ""
        return [Reason("ended", f"it omitted itself{in_recovery}{at}{said}")]
    if task.status is TaskStatus.cancelled:
        return [Reason("ended", _cancelled(known, task, at))]
    handled = "; the failure is handled" if task.step in known.steps and known.steps[task.step].handled else ""
    is_container = task.step in known.steps and known.steps[task.step].role is Role.container
    tries = "" if is_container or task.started is None else f", in try {task.try_number}"
    found = [Reason("ended", f"it failed{in_recovery}{at}{took}{tries}{handled}")]
    inside = listed(_failures_inside(known, task), 3) if is_container else ""
    errors = [text for text in (_error(task), inside and f"inside it: {inside}") if text]
    last = [] if is_container else traceback_of(task) or _output(known, task)
    return [*(Reason("error", text) for text in errors), *found, *last]


def _answered(known: Known, task: InstanceView) -> list[Reason]:
    """Who answered it, where somebody did."""
    step = known.steps.get(task.step)
    found = None if step is None else known.answers.get((step.path, task.sequence))
    return [] if found is None else [Reason("answer", f"it was answered by {plain(found[0])} {known.at(found[1])}")]


def _error(task: InstanceView) -> str:
    """The error with its notes, and with all that it says where no traceback says it."""
    first, _, rest = (task.error or "").partition("\n\n")
    return f"{first}\n{rest}" if rest and not task.traceback else first


def _store(known: Known) -> str:
    """Its store as the shell takes it."""
    return stored_at(known.reader.location, known.run.origin.get("target"))


def _output(known: Known, task: InstanceView) -> list[Reason]:
    """Where to look, because there is no traceback; nowhere for what has not started."""
    if task.step not in known.steps or task.started is None:
        return []
    instance = quoted(f"{known.steps[task.step].path}@{task.sequence}")
    run = f"{_store(known)} {instance} --run-id {quoted(known.run.run_id)}"
    return [Reason("logs", f"what it printed, if anything: sequent logs {run}")]


def _failures_inside(known: Known, container: InstanceView) -> list[str]:
    """The steps that failed inside a container's instance, each with its error."""
    within = f"{container.sequence}."
    steps = _steps_inside(known, known.steps[container.step])
    failed = known.reader.instances(known.run, statuses=(TaskStatus.failure,), since=container.recovery, limit=200)
    found = [
        one
        for one in failed
        if one.step in steps and f"{one.sequence}.".startswith(within) and not known.steps[one.step].is_hidden
    ]
    return [f"{known.shown(one)}: {headline(one.error)}" for one in found if one.error]


def _said(task: InstanceView) -> str:
    return "failed" if task.error is None else headline(task.error)


def _cancelled(known: Known, task: InstanceView, at: str) -> str:
    if task.error:
        return f"it was cancelled{at}: {headline(task.error)}"
    if task.started is not None:
        after = "" if task.ended is None else f" after {duration(task.ended - task.started)}"
        return f"it was cancelled{at}{after}{_ended_around(known, task)}"
    culprits = [f"{known.shown(other)}: {_said(other)}" for other in known.unhandled]
    if not culprits:
        return f"it was cancelled{at} before it could start"
    return f"it was ready, but its part of the flow ended{at} before it could start ({listed(culprits, 3)})"


def _ended_around(known: Known, task: InstanceView) -> str:
    """The error of a container around the task that ended it, such as a deadline that passed; else empty."""
    node = known.nodes.get(known.steps[task.step].path) if task.step in known.steps else None
    while node is not None and node.parent is not None:
        node = known.nodes[node.parent]
        around = known.instance(node.step.name, ".".join(task.sequence.split(".")[: node.depth]))
        if around is not None and around.recovery == task.recovery and around.error:
            return f", because of {known.shown(around)}: {headline(around.error)}"
    return ""


def _last_error(known: Known, task: InstanceView) -> str | None:
    """The error of the try before the one that is due."""
    for attempt in known.reader.attempts(known.run, [task.sequence]):
        same = (attempt.step, attempt.recovery) == (task.step, task.recovery)
        if same and attempt.try_number == task.try_number - 1:
            return attempt.error
    return None
