"""How the steps of a run stand, read from the store."""

from __future__ import annotations

import msgspec

from eventcore.define.program import Role
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import StoredProgram
from eventcore.record.reading import Reader
from eventcore.record.tallies import Tally
from eventcore.record.views import InstanceView, RunView
from visual.outline import outline_of
from visual.reach import out_of_reach
from visual.standing import INTERRUPTED, NOT_REACHED, WAITING, Before, Standing

#: the word for a step with instances in several states: the first of these that one of them is in
ORDER = (
    TaskStatus.active,
    TaskStatus.failure,
    TaskStatus.ready,
    TaskStatus.cancelled,
    TaskStatus.success,
    TaskStatus.skipped,
    TaskStatus.omitted,
)


def standings(reader: Reader, run: RunView) -> dict[str, Standing]:
    """The standing of each step that was reached, keyed by the kernel's step name.

    What did not succeed in an earlier recovery and has not been reached since counts as not reached.
    A step with a loop of its own stands as its iterations do, and as its loop while none has begun. In a run that goes
    on, steps that it can no longer reach have a standing, too; not in a recovery, which may run again what succeeded.
    """
    program = reader.program(run)
    handled = {step.name for step in program.steps if step.handled}
    waits = {step.name for step in program.steps if step.role is Role.wait}
    if run.is_interrupted:
        waits |= reader.deferred(run)
    found = {step: _standing(tally, run, step in handled, step in waits) for step, tally in reader.tallies(run).items()}
    containers = [step.name for step in program.steps if step.role is Role.container and step.name in found]
    for container, seconds in (reader.spans(run, containers) if containers else {}).items():
        if found[container].seconds is not None:
            found[container] = msgspec.structs.replace(found[container], seconds=seconds, is_sum=False)
    whole_loops = _bodies(program)
    for container, progress in reader.loops(run).items():
        if container in found and found[container].counts:
            is_open = _is_open(program, container, found[container])
            found[container] = msgspec.structs.replace(found[container], progress=progress, is_open=is_open)
    for container, body in whole_loops.items():
        if container in found:
            found[body] = _looped(found[container], found.get(body))
    if not run.counts_from and (run.is_held or run.verdict is Verdict.pending):
        found |= out_of_reach(outline_of(program), found)
    return found


def failures(reader: Reader, run: RunView, most: int) -> list[InstanceView]:
    """The failures that count, as they were reached; of more than `most` some of each step, unhandled ones first."""
    failed = (TaskStatus.failure,)
    found = reader.instances(run, statuses=failed, since=run.counts_from, limit=most + 1)
    if len(found) <= most:
        return found
    counts = reader.tallies(run)
    steps = [step for step in reader.program(run).steps
             if step.name in counts and counts[step.name].counts.get(TaskStatus.failure)]  # fmt: skip
    each = max(1, most // max(1, len(steps)))
    return [
        failure
        for step in sorted(steps, key=lambda step: step.handled)[:most]
        for failure in reader.instances(run, step=step.name, statuses=failed, since=run.counts_from, limit=each)
    ]


def _is_open(program: StoredProgram, container: str, standing: Standing) -> bool:
    """Whether iterations may come of which nobody knows yet."""
    loop = program.step_named[container].loop
    return loop is not None and loop.is_open and standing.state != TaskStatus.success.value


def unreached(run: RunView) -> Standing:
    """The standing of a step that no task was made of."""
    over = run.state in ("success", "failure", "stalled", "cancelled")
    return Standing(NOT_REACHED if over else WAITING, {}, None)


def _bodies(program: StoredProgram) -> dict[str, str]:
    """The kernel's step inside each loop that a step has of its own, by that of the whole loop."""
    return {program.container_of[step.scope].name: step.name for step in program.steps if step.role is Role.body}


def _looped(loop: Standing, body: Standing | None) -> Standing:
    """A step with a loop of its own: as its iterations, which is as the loop itself while none is left over."""
    if body is None or not body.counts:
        before = loop.before if body is None else body.before
        return msgspec.structs.replace(loop, seconds=None, before=before)
    is_done = body.state == TaskStatus.success.value
    return msgspec.structs.replace(
        body, state=loop.state if is_done else body.state, progress=loop.progress, is_open=loop.is_open
    )


def _standing(tally: Tally, run: RunView, is_handled: bool, is_wait: bool) -> Standing:
    before = tuple(Before(word.value, at, count) for (at, word), count in sorted(tally.before.items()))
    if not tally.counts:
        return msgspec.structs.replace(unreached(run), before=before)
    state = next(status for status in ORDER if tally.counts.get(status)).value
    counts = {status.value: tally.counts[status] for status in ORDER if tally.counts.get(status)}
    if state == TaskStatus.active.value and not is_wait and not run.is_held and run.verdict is not Verdict.pending:
        state = INTERRUPTED
    if state == TaskStatus.skipped.value:
        state = TaskStatus.success.value
    seconds = tally.seconds if tally.ended else None
    return Standing(state, counts, seconds, tally.tries, before=before, is_sum=tally.ended > 1, is_handled=is_handled)
