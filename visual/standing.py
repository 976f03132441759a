"""How each step of a run stands, in a word, in counts and in time."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from eventcore.record.tallies import LoopTally

WAITING = "waiting"  #: not reached so far
NOT_REACHED = "not reached"  #: and it will not be, unless something is rerun
HANDLED = "failure, handled"
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
    is_open: bool = False  #: of a loop: only the work itself knows how many more iterations there will be
    is_sum: bool = False  #: whether the seconds are those of several instances, one after the other or side by side
    is_handled: bool = False  #: whether its failures are, where it has some

    @property
    def shade(self) -> str:
        """What a colour tells: the state, and whether the failure is handled."""
        return HANDLED if self.state == "failure" and self.is_handled else self.state

    @property
    def text(self) -> str:
        """State, counts where there is more than one instance so far, tries where there was a second, and time."""
        total = self.progress.items if self.progress is not None else sum(self.counts.values())
        is_single = total == 1 and self.progress is None
        return self.counted("" if is_single or not self.counts else f"{self.succeeded}/{total}{self.so_far}")

    @property
    def so_far(self) -> str:
        """What is said behind the number of iterations where nobody knows how many more there will be."""
        return " so far" if self.progress is not None and self.is_open else ""

    def counted(self, counter: str) -> str:
        """The same with a counter such as `2/3`, of those that succeeded; an empty one where there is one only."""
        parts = [f"{self.state} {counter}" if counter else self.shade]
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
        words = (
            (failed, "failed and handled" if self.is_handled else "failed"), (cancelled, "cancelled"),
            (self.counts.get("omitted", 0), "omitted"),
        )  # fmt: skip
        return [f"{count} {word}" for count, word in words if count]

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
