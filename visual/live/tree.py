"""A run as a tree in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from eventcore.define.error_text import headline
from eventcore.record.views import InstanceView, RunView
from visual.instances import Instances
from visual.live.totals import progress, total_of
from visual.outline import StepNode
from visual.standing import Standing, duration, unreached

MOST = 3  #: failures of one step that are shown

STYLES = {
    "success": "green",
    "failure": "bold red",
    "active": "cyan",
    "ready": "yellow",
    "interrupted": "magenta",
    "cancelled": "dim",
    "not reached": "dim",
    "waiting": "dim",
}


def run_tree(run: RunView, nodes: Iterable[StepNode], standings: Mapping[str, Standing],
             failures: Iterable[InstanceView], instances: Instances, outstanding: tuple[int, float | None],
             now: float) -> Group:  # fmt: skip
    """The run's line, its steps as a tree with states, counts and times, and the errors of what failed."""
    tree = Tree(_headline(run, outstanding, now))
    errors: dict[str, list[str]] = {}
    for failure in failures:
        lines = errors.setdefault(failure.step, [])
        if failure.error and len(lines) < MOST:
            at = instances.at(failure.step, failure.sequence, failure.recovery)
            lines.append(f"@{at}: {headline(failure.error)}")
    nothing = unreached(run)
    for node in nodes:
        _add(tree, node, standings, nothing, errors, 1)
    notes = [Text(f"stalled: {line}", style="bold red") for line in run.stalled]
    notes += [Text(f"not reached: {line}", style="dim") for line in run.not_reached]
    return Group(tree, *notes)


def _add(tree: Tree, node: StepNode, standings: Mapping[str, Standing], nothing: Standing,
         errors: Mapping[str, list[str]], around: int | None) -> None:  # fmt: skip
    standing = standings.get(node.kernel_name, nothing)
    line = Text(node.name)
    if node.loop is not None:
        line.append(f"  ({node.loop})", style="dim")
    line.append("  ")
    counter = progress(standings, node, around)[0] if standing.counts else ""
    line.append(standing.counted(counter), style=STYLES.get(standing.state, ""))
    branch = tree.add(line)
    for error in [one for name in node.kernel_names for one in errors.get(name, [])][:MOST]:
        branch.add(Text(error, style="red"))
    inner = total_of(standings, node, around)
    for child in node.children:
        _add(branch, child, standings, nothing, errors, inner)


def _headline(run: RunView, outstanding: tuple[int, float | None], now: float) -> Text:
    line = Text(f"{run.program}  run {run.run_id}  ")
    line.append(run.state, style=STYLES.get(run.state, "yellow"))
    if run.recovery:
        line.append(f"  recovery {run.recovery}")
    started = datetime.fromtimestamp(run.started).strftime("%Y-%m-%d %H:%M:%S")
    line.append(f"  started {started}", style="dim")
    if run.ended is not None:
        line.append(f", took {duration(run.ended - run.started)}", style="dim")
    elif run.is_held:
        line.append(f", {duration(now - run.started)} ago", style="dim")
    if run.holder is not None:
        line.append(f", {run.holder}", style="dim")
    todos, next_due = outstanding
    if todos:
        line.append(f", {todos} outstanding", style="yellow")
    if next_due is not None:
        line.append(f", next due in {duration(max(0.0, next_due - now))}", style="yellow")
    if run.parameters:
        line.append(f", with {', '.join(f'{name}={value}' for name, value in run.parameters.items())}", style="dim")
    return line
