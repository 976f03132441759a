"""How the console shows what steps log and print: in full lines, or in short ones, as on a terminal."""

import os
import sys
from typing import Literal, TextIO

import msgspec

LINES = "eventcore.lines"  #: the logger of what an engine says of its run, which other views of the run may stand for

CHUNK = 1 << 16  #: bytes or characters that are copied at once

Style = Literal["good", "bad", "odd", "name", "dim"]

_CODES: dict[Style, str] = {"good": "32", "bad": "31", "odd": "33", "name": "36", "dim": "2"}


class Console(msgspec.Struct, frozen=True):
    """What the console shows, and how."""

    records: bool = True  #: log records are shown
    lines: bool = True  #: those of `LINES`, too
    is_short: bool = False  #: as short lines, at most one for each step that the engine has nothing else to say of
    is_coloured: bool = False
    is_verbose: bool = False  #: short lines also for what has begun and what is tried again
    prints: bool = True  #: what steps print is shown; it is in their logs in any case
    names: tuple[bool, bool] = (False, False)  #: lines printed to stdout and stderr begin with the name of their step

    def styled(self, text: str, style: Style | None) -> str:
        """The text, in colour where the console is."""
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.is_coloured and style is not None else text


def this_console(shows: object = True, *, verbose: bool = False, several: bool = False, lines: bool = True) -> Console:
    """The console of this process, by what the configuration's `console` says; `several` steps may run at once.

    `lines` says whether it shows what an engine says of its run.
    """
    is_forced = shows in ("short", "coloured")
    out, err = (is_forced or (shows != "full" and _is_terminal(stream)) for stream in (sys.stdout, sys.stderr))
    is_short = is_forced or (shows in (True, "quiet") and err)
    is_coloured = shows == "coloured" or (is_short and _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb")
    return Console(
        shows is not False, lines, is_short, is_coloured and not os.environ.get("NO_COLOR"), verbose,
        shows != "quiet", (several and out, several and err),
    )  # fmt: skip


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):  # it is closed
        return False


class NamedLines:
    """Printed text of one step, whole lines at a time with the step's name before each."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = ""  #: a line that has no end yet
        self._is_begun = False  #: whether the beginning of that line has been shown

    def shown(self, text: str) -> str:
        """What is to be shown now that the text was printed."""
        *whole, rest = text.split("\n")
        lines = []
        for line in whole:
            lines.append(f"{self._begun(line)}\n")
            self._is_begun = False
        self._held += rest
        if len(self._held) > CHUNK:
            lines.append(self.held())
        return "".join(lines)

    def held(self) -> str:
        """What is to be shown of a line that has no end yet, where that cannot wait."""
        return self._begun("") if self._held else ""

    def ended(self) -> str:
        """What is to be shown when nothing more will be printed."""
        return f"{self.held()}\n" if self._held or self._is_begun else ""

    def _begun(self, more: str) -> str:
        text = ("" if self._is_begun else self._name) + self._held + more
        self._held, self._is_begun = "", True
        return text
