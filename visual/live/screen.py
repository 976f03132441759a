"""One moment of a run, laid out for a terminal of a given size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
from rich.cells import cell_len
from rich.text import Text

from eventcore.define.plain import plain
from visual.live.fitting import fitted
from visual.live.items import Item, items_of, whole
from visual.live.moment import Moment
from visual.live.tree import STYLES
from visual.totals import finished

BAR = 12  #: characters of a progress bar
WIDE = 60  #: columns from which on there is room for bars


class Signs(msgspec.Struct, frozen=True):
    """The characters that a tree and its bars are drawn with."""

    branch: str = "├── "
    last: str = "└── "
    below: str = "│   "
    done: str = "━"
    open: str = "─"


ASCII = Signs("|-- ", "`-- ", "|   ", "#", "-")


def picture(moment: Moment, now: float, width: int, height: int, *, ascii_only: bool = False, said: str = "") -> Text:
    """At most `height` lines of at most `width` columns; `said` is put below the tree."""
    signs = ASCII if ascii_only else Signs()
    below = [line for line in (said, _summary(moment, now)) if line]
    items = fitted(items_of(moment, now), max(1, height - 1 - len(below)))
    rows = list(_rows(items, "", signs))
    column = min(max((cell_len(row[0] + row[1].name) for row in rows), default=0), max(12, width // 2))
    has_bars = width >= WIDE and any(item.share is not None for _, item in rows)
    lines = [_headline(moment, now)]
    lines += [_line(prefix, item, column, signs, has_bars=has_bars) for prefix, item in rows]
    lines += [Text(line, style="yellow") for line in below]
    lines = lines[:height]
    for line in lines:
        line.truncate(width, overflow="crop" if ascii_only else "ellipsis")
    return Text("\n", no_wrap=True, end="").join(lines)


def _rows(items: Sequence[Item], prefix: str, signs: Signs) -> Iterator[tuple[str, Item]]:
    for item in items:
        is_last = item is items[-1]
        yield prefix + (signs.last if is_last else signs.branch), item
        yield from _rows(item.children, prefix + (" " * len(signs.below) if is_last else signs.below), signs)


def _line(prefix: str, item: Item, column: int, signs: Signs, *, has_bars: bool) -> Text:
    line = Text(prefix + item.name)
    line.truncate(column, pad=True)
    line.append("  ")
    style = STYLES.get(item.shade or item.state, "")
    if has_bars:
        full = 0 if item.share is None else int(item.share * BAR)
        line.append(signs.done * full, style=style)
        line.append((" " if item.share is None else signs.open) * (BAR - full) + "  ", style="dim")
    line.append(item.word, style=style)
    if item.about:
        line.append(f", {item.about}")
    if item.loop is not None:
        line.append(f"  ({item.loop})", style="dim")
    return line


def _headline(moment: Moment, now: float) -> Text:
    run = moment.run
    line = Text(f"{plain(run.program)}  ")
    line.append(run.state, style=STYLES.get(run.state, "yellow"))
    over, total = finished(moment.standings, moment.nodes)
    line.append(f"  {over:,} finished" if total is None else f"  {over:,} of {total:,} finished" if total > 1 else "")
    line.append(f"  {whole((run.ended or now) - run.started)}")
    if run.recovery:
        line.append(f"  recovery {run.recovery}")
    line.append(f"  run {plain(run.run_id)}", style="dim")
    if run.holder is not None:
        line.append(f"  {run.holder}", style="dim")
    return line


def _summary(moment: Moment, now: float) -> str:
    """What waits and until when, all together."""
    if moment.is_over:
        return ""
    waits = [wait for found in moment.waits.values() for wait in found]
    if not waits:
        return ""
    due = min(wait.due for wait in waits)
    at = datetime.fromtimestamp(due).strftime("%Y-%m-%d %H:%M:%S" if due - now > 43200 else "%H:%M:%S")
    return f"waiting until {at}" if len(waits) == 1 else f"{len(waits)} wait for their time, the next until {at}"
