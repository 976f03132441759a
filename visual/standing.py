"""How each step of a run stands, in a word, in counts and in time."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eventcore.define.program import Role
from eventcore.define.status import TaskStatus, Verdict
from eventcore.define.stored import StoredProgram
from eventcore.record.reading import Reader
from eventcore.record.tallies import LoopTally, Tally
from eventcore.record.views import RunView

#: the word for a step with instances in several states: the first of these that one of them is in
ORDER = (
    TaskStatus.active,
    TaskStatus.failure,
    TaskStatus.ready,
    TaskStatus.cancelled,
    TaskStatus.success,
    TaskStatus.skipped,
)
WAITING = "waiting"  #: not reached so far
NOT_REACHED = "not reached"  #: and the run is over
INTERRUPTED = "interrupted"  #: active, and its engine is gone


class Standing(msgspec.Struct, frozen=True):
    """One step: its state in a word, its counts, and the seconds its instances took."""

    state: str
    counts: Mapping[str, int]
    seconds: float | None
    tries: int = 1  #: the most that one instance took
    progress: LoopTally | None = None  #: of its loop, as soon as the items are known

    @property
    def text(self) -> str:
        """State, counts where there is more than one instance, tries where there was a second, and time."""
        total = sum(self.counts.values())
        done = self.counts.get("success", 0) + self.counts.get("skipped", 0)
        troubles = {word: self.counts.get(word, 0) for word in ("failure", "cancelled") if total > 1}
        counted = f"{done}/{total}" if total > 1 else ""
        if self.progress is not None:
            p = self.progress
            counted = f"{p.over - p.failed - p.cancelled}/{p.items}"
            troubles = {"failure": p.failed, "cancelled": p.cancelled}
        parts = [f"{self.state} {counted}".rstrip()]
        parts += [f"{count} {word}" for word, count in troubles.items() if count]
        if self.tries > 1:
            parts.append(f"{'up to ' if total > 1 else ''}{self.tries} tries")
        if self.seconds is not None:
            parts.append(duration(self.seconds))
        return ", ".join(parts)


def standings(reader: Reader, run: RunView) -> dict[str, Standing]:
    """The standing of each step that was reached, keyed by the kernel's step name.

    A step with a loop of its own stands as its iterations do, and as its loop while none has begun.
    """
    found = {step: _standing(tally, run) for step, tally in reader.tallies(run).items()}
    whole_loops = _bodies(reader.program(run))
    for container, progress in reader.loops(run).items():
        if container in found:
            found[container] = msgspec.structs.replace(found[container], progress=progress)
    for container, body in whole_loops.items():
        if container in found:
            found[body] = _looped(found[container], found.get(body))
    return found


def unreached(run: RunView) -> Standing:
    """The standing of a step that no task was made of."""
    over = run.state in ("success", "failure", "stalled", "cancelled")
    return Standing(NOT_REACHED if over else WAITING, {}, None)


def _bodies(program: StoredProgram) -> dict[str, str]:
    """The kernel's step inside each loop that a step has of its own, by that of the whole loop."""
    return {program.container_of[step.scope].name: step.name for step in program.steps if step.role is Role.body}


def _looped(loop: Standing, body: Standing | None) -> Standing:
    """A step with a loop of its own: as its iterations, which is as the loop itself while none is left over."""
    if body is None:
        return msgspec.structs.replace(loop, seconds=None)
    is_done = body.state == TaskStatus.success.value
    return msgspec.structs.replace(body, state=loop.state if is_done else body.state, progress=loop.progress)


def _standing(tally: Tally, run: RunView) -> Standing:
    state = next(status for status in ORDER if tally.counts.get(status)).value
    counts = {status.value: tally.counts[status] for status in ORDER if tally.counts.get(status)}
    if state == TaskStatus.active.value and not run.is_held and run.verdict is not Verdict.pending:
        state = INTERRUPTED
    if state == TaskStatus.skipped.value:
        state = TaskStatus.success.value
    return Standing(state, counts, tally.seconds if tally.ended else None, tally.tries)


def duration(seconds: float) -> str:
    """Seconds as people read them: `0.12 s`, `3.4 s`, `2 min 5 s`, `1 h 3 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
