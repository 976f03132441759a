"""A run as a tree in the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from eventcore.define.error_text import headline
from eventcore.define.plain import plain
from eventcore.define.program import Role
from eventcore.record.answering import OpenAnswer
from eventcore.record.views import InstanceView, RunView
from visual.graph.counts import ORDER
from visual.instances import Instances
from visual.live.selection import Selection, with_containers
from visual.outline import StepNode, handled_steps
from visual.standing import Standing, duration
from visual.totals import progress, total_of

MOST = 3  #: failures of one step that are shown
OMITTED = {"failure": "that failed, see --failed", "active": "that are active, see --active"}

STYLES = {
    "success": "green",
    "failure": "bold red",
    "failure, handled": "yellow",
    "active": "cyan",
    "ready": "yellow",
    "interrupted": "magenta",
    "cancelled": "dim",
    "omitted": "dim",
    "not reached": "dim",
    "waiting": "dim",
}


class Shown(msgspec.Struct, frozen=True):
    """What a tree is made from."""

    nodes: Collection[StepNode]
    standings: Mapping[str, Standing]
    unreached: Standing
    selection: Selection

    @property
    def chosen(self) -> Iterator[StepNode]:
        """The steps to be shown, without the containers around them."""
        return (node for top in self.nodes for node in top.walk() if node.path in self.selection.paths)


def run_tree(run: RunView, shown: Shown, errors: Mapping[str, list[Text]], outstanding: tuple[int, float | None],
             now: float) -> Group:  # fmt: skip
    """The run's line, its steps as a tree with states, counts and times, and the errors by the kernel's step names."""
    tree = Tree(_headline(run, outstanding, now))
    if not shown.selection.is_all:
        tree.add(_counts(shown.selection.counts))
    visible = with_containers(shown.nodes, shown.selection.paths)
    for node in shown.nodes:
        if node.path in visible:
            _add(tree, node, shown, errors, visible, 1)
    for state, count in shown.selection.omitted.items():
        tree.add(Text(f"... and {count:,} more {OMITTED[state]}", style="dim"))
    notes = [Text(f"stalled: {plain(line)}", style="bold red") for line in run.stalled]
    notes += [Text(f"not reached: {plain(line)}", style="dim") for line in run.not_reached]
    return Group(tree, *notes)


def error_lines(run: RunView, nodes: Iterable[StepNode], failures: Iterable[InstanceView],
                instances: Instances) -> dict[str, list[Text]]:  # fmt: skip
    """The first line of each error with its instance, a few for each of the kernel's steps."""
    errors: dict[str, list[Text]] = {}
    handled = handled_steps(nodes)
    for failure in failures:
        lines = errors.setdefault(failure.step, [])
        if failure.error and len(lines) < MOST:
            at = instances.at(failure.step, failure.sequence, failure.recovery)
            counts, word = failure.counts_in(run), ", handled" if failure.step in handled else ""
            when = "" if counts else f" in recovery {failure.recovery}"
            style = "dim" if not counts else "yellow" if word else "red"
            lines.append(Text(f"@{at}{when}{word}: {plain(headline(failure.error))}", style=style))
    return errors


def answer_lines(nodes: Iterable[StepNode], standings: Mapping[str, Standing],
                 answers: Mapping[tuple[str, str], tuple[str, float]],
                 unseen: Iterable[OpenAnswer] = ()) -> dict[str, list[Text]]:  # fmt: skip
    """Who answered the waits and when, a few for each of the kernel's steps, and which ones are still waiting.

    `unseen` are the answers that no engine has seen yet.
    """
    found: dict[str, list[Text]] = {}
    waits = {node.path: node.kernel_name for top in nodes for node in top.walk() if node.step.role is Role.wait}
    new = [(one.path, one.sequence, one.by, one.at, ", which no engine has seen yet") for one in unseen]
    for path, name in waits.items():
        answered = sum(one[0] == path for one in new)
        if name in standings and standings[name].counts.get("active", 0) > answered:
            found[name] = [Text("waits for a signal", style=STYLES["active"])]
    seen = [(path, sequence, by, at, "") for (path, sequence), (by, at) in answers.items()]
    for path, sequence, by, at, more in (*new, *seen):
        lines = found.setdefault(waits[path], []) if path in waits else [Text()] * MOST
        if len(lines) < MOST:
            where = "" if sequence is None else f"@{plain(sequence)}: "
            when = datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
            lines.append(Text(f"{where}answered by {plain(by)} at {when}{more}", style="dim"))
    return found


def _counts(counts: Mapping[str, int]) -> Text:
    """`5,000 steps: 7 failure, 4,993 success`."""
    total = sum(counts.values())
    line = Text(f"{total:,} step{'' if total == 1 else 's'}: ")
    parts = [Text(f"{counts[word]:,} {word}", style=STYLES[word]) for word in ORDER if word in counts]
    return line.append_text(Text(", ").join(parts))


def _add(tree: Tree, node: StepNode, shown: Shown, errors: Mapping[str, list[Text]], visible: Collection[str],
         around: int | None) -> None:  # fmt: skip
    standings = shown.standings
    standing = standings.get(node.kernel_name, shown.unreached)
    line = Text(plain(node.name))
    if node.about is not None:
        line.append(f"  ({plain(node.about)})", style="dim")
    line.append("  ")
    counter = progress(standings, node, around)[0] if standing.counts else ""
    line.append(standing.counted(counter), style=STYLES.get(standing.shade, ""))
    branch = tree.add(line)
    for error in [one for name in node.kernel_names for one in errors.get(name, [])][:MOST]:
        branch.add(error)
    inner = total_of(standings, node, around)
    for child in node.children:
        if child.path in visible:
            _add(branch, child, shown, errors, visible, inner)


def _headline(run: RunView, outstanding: tuple[int, float | None], now: float) -> Text:
    line = Text(f"{plain(run.program)}  run {plain(run.run_id)}  ")
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
        given = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
        line.append(f", with {plain(given)}", style="dim")
    return line
