"""The screen of a live view: a tree that is redrawn, and lines printed above it."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from visual.live import Moment, picture

FRAME = 0.25  #: seconds between two drawings at the least


class Screen:
    """The tree at the bottom of a terminal, drawn again only when it looks different; closed, it stays as it was."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._descriptor = os.dup(descriptor)
        self._file: TextIO = open(self._descriptor, "w", encoding=encoding, errors="replace")  # noqa: PTH123, SIM115
        self._console = Console(file=self._file, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._live: Live | None = None
        self._shown: Text | None = None

    def show(self, moment: Moment, now: float, said: str = "") -> None:
        """Draw the moment, where that is not what is drawn already."""
        width, height = self._size()
        self._console.size = (width, height)
        ascii_only = self._console.options.ascii_only
        found = picture(moment, now, width, max(2, height - 1), ascii_only=ascii_only, said=said)
        if found == self._shown and found.spans == self._shown.spans:
            return
        self._shown = found
        if self._live is None:
            self._live = Live(
                found, console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start(refresh=True)
        else:
            self._live.update(found, refresh=True)

    def print(self, lines: str) -> None:
        """Put whole lines above the tree."""
        text = Text.from_ansi(lines, end="\n")
        self._console.print(text, soft_wrap=True)

    def close(self) -> None:
        """Leave the tree as it is, and the cursor below it."""
        try:
            if self._live is not None:
                self._live.stop()
        finally:
            self._file.close()

    def _size(self) -> tuple[int, int]:
        try:
            width, height = os.get_terminal_size(self._descriptor)
        except OSError:
            width, height = 0, 0
        return width or 80, height or 24
