"""A run as a notebook shows it while it goes on: its tree, what failed and why, and what can be done next."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Sequence
from html import escape

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from eventcore.define.error_text import headline
from eventcore.define.status import Verdict
from eventcore.record.views import RunView
from eventcore.run.next_action import next_action
from visual.live.items import printable
from visual.live.moment import Moment
from visual.live.screen import picture
from visual.outline import handled_steps

WIDTH, HEIGHT = 100, 40  #: columns and lines of the tree
MOST = 3  #: failures that are shown with their tracebacks

CALL = re.compile(r"\w+\.(run|rerun|tasks)\([^()]*\)")

_PRE = "margin: 0; line-height: 1.3; white-space: pre; overflow-x: auto; background: none"


#: Can be read on light and on dark pages: black, red, green, yellow, blue, magenta, cyan, white.
_THEME = TerminalTheme(
    (255, 255, 255),
    (0, 0, 0),
    [(0, 0, 0), (208, 48, 48), (40, 144, 72), (168, 120, 0), (48, 112, 208), (168, 80, 168), (0, 140, 150), (127,) * 3],
)


class View(msgspec.Struct, frozen=True):
    """What is shown at one moment."""

    words: tuple[str, ...]  #: to the user, above the tree
    tree: Text | None
    failures: tuple[tuple[str, str], ...]  #: each as a line and as a traceback, which may be empty
    more: str  #: what is left out
    action: str  #: what can be done next

    @property
    def bundle(self) -> dict[str, str]:
        """The same by media type."""
        return {"text/html": f"<div>{''.join(self._html())}</div>", "text/plain": "\n".join(self._lines())}

    def _lines(self) -> Iterator[str]:
        yield from self.words
        if self.tree is not None:
            yield self.tree.plain
        for line, trace in self.failures:
            yield from (line, trace.rstrip()) if trace else (line,)
        yield from (line for line in (self.more, self.action) if line)

    def _html(self) -> Iterator[str]:
        yield from map(_line, self.words)
        if self.tree is not None:
            yield _coloured(self.tree)
        for number, (line, trace) in enumerate(self.failures):
            is_open = "" if number else " open"
            yield (f"<details{is_open}><summary>{escape(line)}</summary><pre style='{_PRE}'>{escape(trace)}</pre>"
                   "</details>")  # fmt: skip
        yield from (_line(line) for line in (self.more, self.action) if line)


def view_of(moment: Moment | None, now: float, words: Sequence[str], said: str = "", flow: str = "flow") -> View:
    """The run at a moment; `said` is put below the tree. Before there is a run, there are only words.

    `flow` is the notebook's variable that has the program.
    """
    if moment is None:
        return View(tuple(words), None, (), "", "")
    failed = [(node.path, task) for top in moment.nodes for node in top.walk() for task in moment.failed(node)]
    handled = handled_steps(moment.nodes)
    failed.sort(key=lambda one: (one[1].step in handled, one[1].ended or now))
    failures = tuple(
        (
            f"{path}{moment.named(task.step, task.sequence)}{', handled' if task.step in handled else ''}: "
            f"{printable(headline(task.error or ''))}",
            in_cells(task.traceback or ""),
        )
        for path, task in failed[:MOST]
    )
    left = len(failed) - len(failures) + _unread(moment)
    more = f"and {left} more: {flow}.tasks() has them all" if left else ""
    tree = picture(moment, now, WIDTH, HEIGHT, said=said)
    return View(tuple(words), tree, failures, more, _advice(moment.run, flow) if moment.is_over else "")


def _unread(moment: Moment) -> int:
    """How many failures there are besides those that were read."""
    steps = [node for top in moment.nodes for node in top.walk() if not node.is_container]
    counted = [moment.standings[node.kernel_name].counts for node in steps if node.kernel_name in moment.standings]
    read = [moment.failures.get(node.kernel_name) or moment.failures.get(node.step.name, []) for node in steps]
    return max(0, sum(counts.get("failure", 0) for counts in counted) - sum(map(len, read)))


def in_cells(traceback: str) -> str:
    """A traceback that calls the cells of this notebook as their prompts do."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    named = getattr(getattr(shell, "compile", None), "format_code_name", None)

    def cell(match: re.Match[str]) -> str:
        found = None if named is None else named(match[1])
        return match[0] if found is None else " ".join(found)

    return re.sub(r'File "([^"\n]+)"(?=, line \d)', cell, traceback)


def _line(text: str) -> str:
    """A line in which the calls that a user can make look like code."""
    return f"<div>{CALL.sub(lambda found: f'<code>{found[0]}</code>', escape(text))}</div>"


def _coloured(text: Text) -> str:
    console = Console(file=io.StringIO(), record=True, force_terminal=True, force_jupyter=False, width=WIDTH,
                      color_system="standard")  # fmt: skip
    console.print(text, soft_wrap=True)
    return console.export_html(theme=_THEME, inline_styles=True, code_format=f"<pre style='{_PRE}'>{{code}}</pre>")


def _advice(run: RunView, flow: str) -> str:
    """What can be done next, in this notebook."""
    action = next_action(replace(run, source='{"notebook": ""}'), "")
    if action is None:
        return ""
    if run.verdict is Verdict.failure:
        lead = "To go on, correct the cell, run it and the cell that defines the flow again, then run"
    elif run.is_interrupted:
        lead = "It was interrupted. To continue, run"
    else:
        lead = f"{action.lead[:1].upper()}{action.lead[1:]}"
    return f"{lead}: {action.command.replace('flow.run(', f'{flow}.run(')}"
