"""The lines of a live view before they are laid out: each step with its counts, what is active and what waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

import msgspec

from eventcore.define.error_text import headline
from eventcore.define.plain import plain
from eventcore.record.views import InstanceView
from visual.live.moment import Moment, Wait
from visual.outline import StepNode
from visual.reading import unreached
from visual.standing import Standing, duration
from visual.totals import progress, total_of

NAMED = 2  #: active instances of a step that are named


class Item(msgspec.Struct, frozen=True):
    """One line, and the lines below it."""

    name: str
    loop: str | None
    state: str
    counter: str  #: `3/12` succeeded, or where the number is not known `(3 done)`; empty where there is one only
    share: float | None  #: how much of it is over, 0 to 1, where the number is known
    about: str  #: times, tries, errors
    children: tuple[Item, ...] = ()
    shade: str = ""  #: what its colour tells, where that is not the state

    @property
    def text(self) -> str:
        """State, counts and the rest."""
        return ", ".join(part for part in (self.word, self.about) if part)

    @property
    def word(self) -> str:
        """State and counts."""
        return f"{self.state} {self.counter}" if self.counter else self.shade or self.state

    @property
    def size(self) -> int:
        """How many lines it takes."""
        return 1 + sum(child.size for child in self.children)


def items_of(moment: Moment, now: float) -> tuple[Item, ...]:
    """The run's steps as lines."""
    return _items(moment, moment.nodes, 1, now)


def _items(moment: Moment, nodes: Iterable[StepNode], around: int | None, now: float) -> tuple[Item, ...]:
    return tuple(_item(moment, node, around, now) for node in nodes)


def _item(moment: Moment, node: StepNode, around: int | None, now: float) -> Item:
    """A step; `around` is the number of iterations in which it stands, None where that is not known yet."""
    standing = moment.standings.get(node.kernel_name, unreached(moment.run))
    counter, share = progress(moment.standings, node, around)
    about = ", ".join(_about(moment, node, standing, now, is_single=not counter))
    children = _items(moment, node.children, total_of(moment.standings, node, around), now)
    loop = None if node.about is None else plain(node.about)
    return Item(plain(node.name), loop, standing.state, counter, share, about, children, standing.shade)


def _about(moment: Moment, node: StepNode, standing: Standing, now: float, *, is_single: bool) -> Iterable[str]:
    if not is_single:
        yield from standing.troubles
    if standing.tries > 1 and "ready" not in standing.counts:
        yield f"{'' if is_single else 'up to '}{standing.tries} tries"
    active = moment.active.get(node.kernel_name, [])
    if active and moment.run.is_held:
        count = standing.counts.get("active", len(active))
        yield _active(moment, active, count, now, is_single=is_single or node.is_container)
    elif standing.state == "success" and standing.seconds is not None:
        yield standing.took
    yield from standing.left_behind
    if waits := [] if moment.is_over else moment.waits.get(node.path, []):
        yield _waiting(waits, now)
    for failure in moment.failed(node)[:1]:
        yield f"{moment.named(failure.step, failure.sequence)}: {printable(headline(failure.error or ''))}"


def _active(moment: Moment, active: Sequence[InstanceView], count: int, now: float, *, is_single: bool) -> str:
    """What is active and for how long, the longest first."""
    begun = sorted((task.started or now, moment.named(task.step, task.sequence)) for task in active)
    if is_single and count == 1:
        return whole(now - begun[0][0])
    named = ", ".join(f"{at} {whole(now - started)}" for started, at in begun[:NAMED])
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{count} active: {named}{more}"


def _waiting(waits: Sequence[Wait], now: float) -> str:
    first = waits[0]
    what = "delay" if first.try_number is None else f"try {first.try_number}"
    when = f"in {whole(ceil(max(0.0, first.due - now)))}"
    return f"{what} {when}" if len(waits) == 1 else f"{len(waits)} wait, the next {when}"


def whole(seconds: float) -> str:
    """Seconds as a clock that is looked at shows them: `12 s`, `2 min 5 s`, `1 h 3 min`."""
    return f"{max(0, int(seconds))} s" if seconds < 60 else duration(int(seconds))


def printable(text: str) -> str:
    """A text in one line, without what would move the cursor."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
