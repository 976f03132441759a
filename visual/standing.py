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


#: how instances ended that no recovery has reached since, as far as it is worth a word
_ends = {"failure": "failed", "cancelled": "cancelled", "active": INTERRUPTED}


class Before(msgspec.Struct, frozen=True):
    """Instances that did not succeed in an earlier recovery and have not been reached since."""

    state: str
    recovery: int
    count: int


class Standing(msgspec.Struct, frozen=True):
    """One step: its state in a word, its counts, and the seconds its instances took."""

    state: str
    counts: Mapping[str, int]
    seconds: float | None  #: of a container from its first start to its last end; else of all instances together
    tries: int = 1  #: the most that one instance took
    progress: LoopTally | None = None  #: of its loop, as soon as the items are known
    before: tuple[Before, ...] = ()  #: they are not counted
    is_sum: bool = False  #: whether the seconds are those of several instances, one after the other or side by side

    @property
    def text(self) -> str:
        """State, counts where there is more than one instance, tries where there was a second, and time."""
        total = self.progress.items if self.progress is not None else sum(self.counts.values())
        is_single = total == 1 and self.progress is None
        return self.counted("" if is_single or not self.counts else f"{self.succeeded}/{total}")

    def counted(self, counter: str) -> str:
        """The same with a counter such as `2/3`, of those that succeeded; an empty one where there is one only."""
        parts = [f"{self.state} {counter}".rstrip()]
        parts += self.troubles if counter else []
        if self.tries > 1:
            parts.append(f"{'up to ' if counter else ''}{self.tries} tries")
        parts += self.left_behind
        if self.seconds is not None:
            parts.append(self.took)
        return ", ".join(parts)

    @property
    def succeeded(self) -> int:
        """How many instances, of a loop iterations, have succeeded."""
        if self.progress is not None:
            return self.progress.over - self.progress.failed - self.progress.cancelled
        return self.counts.get("success", 0) + self.counts.get("skipped", 0)

    @property
    def troubles(self) -> list[str]:
        """How many failed or were cancelled, in words."""
        p = self.progress
        failed, cancelled = (p.failed, p.cancelled) if p is not None else (
            self.counts.get("failure", 0), self.counts.get("cancelled", 0)
        )  # fmt: skip
        return [f"{count} {word}" for count, word in ((failed, "failed"), (cancelled, "cancelled")) if count]

    @property
    def left_behind(self) -> list[str]:
        """What became of instances in earlier recoveries that have not been reached since, in words."""
        is_single = not self.counts and sum(one.count for one in self.before) == 1
        return [
            f"{'' if is_single else f'{one.count} '}{_ends[one.state]} in recovery {one.recovery}"
            for one in self.before
            if one.state in _ends
        ]

    @property
    def took(self) -> str:
        """The time in words; a sum is called one."""
        return f"{duration(self.seconds or 0.0)}{' in all' if self.is_sum else ''}"


def standings(reader: Reader, run: RunView) -> dict[str, Standing]:
    """The standing of each step that was reached, keyed by the kernel's step name.

    What did not succeed in an earlier recovery and has not been reached since counts as not reached.
    A step with a loop of its own stands as its iterations do, and as its loop while none has begun.
    """
    found = {step: _standing(tally, run) for step, tally in reader.tallies(run).items()}
    program = reader.program(run)
    containers = [step.name for step in program.steps if step.role is Role.container and step.name in found]
    for container, seconds in (reader.spans(run, containers) if containers else {}).items():
        if found[container].seconds is not None:
            found[container] = msgspec.structs.replace(found[container], seconds=seconds, is_sum=False)
    whole_loops = _bodies(program)
    for container, progress in reader.loops(run).items():
        if container in found and found[container].counts:
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
    if body is None or not body.counts:
        before = loop.before if body is None else body.before
        return msgspec.structs.replace(loop, seconds=None, before=before)
    is_done = body.state == TaskStatus.success.value
    return msgspec.structs.replace(body, state=loop.state if is_done else body.state, progress=loop.progress)


def _standing(tally: Tally, run: RunView) -> Standing:
    before = tuple(Before(word.value, at, count) for (at, word), count in sorted(tally.before.items()))
    if not tally.counts:
        return msgspec.structs.replace(unreached(run), before=before)
    state = next(status for status in ORDER if tally.counts.get(status)).value
    counts = {status.value: tally.counts[status] for status in ORDER if tally.counts.get(status)}
    if state == TaskStatus.active.value and not run.is_held and run.verdict is not Verdict.pending:
        state = INTERRUPTED
    if state == TaskStatus.skipped.value:
        state = TaskStatus.success.value
    seconds = tally.seconds if tally.ended else None
    return Standing(state, counts, seconds, tally.tries, before=before, is_sum=tally.ended > 1)


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
