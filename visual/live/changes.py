"""What changed from one moment of a run to a later one, as plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from eventcore.define.error_text import headline
from eventcore.define.plain import plain
from visual.live.items import printable
from visual.live.moment import Moment
from visual.outline import StepNode
from visual.reading import unreached
from visual.totals import progress, total_of


def changes(before: Moment | None, after: Moment) -> Iterator[str]:
    """A line for the run and for each step that stands differently; before the first look, all that was reached."""
    at = datetime.fromtimestamp(after.at).strftime("%H:%M:%S")
    known = {} if before is None else dict(_lines(before))
    if before is None or (before.run.state, before.run.recovery) != (after.run.state, after.run.recovery):
        recovery = f", recovery {after.run.recovery}" if after.run.recovery else ""
        holder = f", {after.run.holder}" if after.run.holder else ""
        yield f"{at} run {plain(after.run.run_id)}: {after.run.state}{recovery}{holder}"
    for path, text in _lines(after):
        if text and known.get(path) != text:
            yield f"{at} {plain(path)}: {text}"


def _lines(moment: Moment) -> Iterator[tuple[str, str]]:
    for node in moment.nodes:
        yield from _line(moment, node, 1)


def _line(moment: Moment, node: StepNode, around: int | None) -> Iterator[tuple[str, str]]:
    """The step's path and how it stands, without what changes by itself; empty for what was not reached."""
    standing = moment.standings.get(node.kernel_name, unreached(moment.run))
    parts = []
    if standing.counts:
        counter, _ = progress(moment.standings, node, around)
        parts.append(f"{standing.state} {counter}" if counter else standing.shade)
        if counter and not node.is_container and moment.run.is_held and standing.counts.get("active"):
            parts.append(f"{standing.counts['active']} active")
        parts += standing.troubles if counter else []
    for wait in () if moment.is_over else moment.waits.get(node.path, [])[:1]:
        what = "its delay ends" if wait.try_number is None else f"try {wait.try_number} begins"
        parts.append(
            f"{moment.named(wait.step, wait.sequence)}: {what} at {datetime.fromtimestamp(wait.due):%Y-%m-%d %H:%M:%S}"
        )
    for failure in moment.failed(node)[:1]:
        parts.append(f"{moment.named(failure.step, failure.sequence)}: {printable(headline(failure.error or ''))}")
    yield node.path, ", ".join(parts)
    inner = total_of(moment.standings, node, around)
    for child in node.children:
        yield from _line(moment, child, inner)
