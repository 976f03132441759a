"""The standard streams while steps run: what a step prints goes to its log file as well."""

import io
from typing import Any, TextIO

from eventcore.act.console import CHUNK
from eventcore.act.steplog import running_log


class Tee(io.TextIOBase):
    """A standard stream, of number 1 or 2, that also copies what a running step prints to its log file.

    No step fails because nobody reads the console any more, as in `sequent run flow.py | head -1`, nor by a character
    that the console cannot show.
    """

    def __init__(self, stream: TextIO, number: int) -> None:
        self.stream = stream
        self._number = number
        self._is_gone = False

    def write(self, text: str) -> int:
        running = running_log()
        if running is None:
            return self._write(text)
        running.write(text)
        if not running.target.console.prints:
            return len(text)
        lines = running.named_lines(self._number)
        for start in range(0, len(text), CHUNK):
            piece = text[start : start + CHUNK]
            self._show(piece if lines is None else lines.shown(piece))
        return len(text)

    def _show(self, text: str) -> None:
        if not self._is_gone:
            try:
                self._write(text)
            except OSError:
                self._is_gone = True

    def _write(self, text: str) -> int:
        try:
            return self.stream.write(text)
        except UnicodeEncodeError:  # the console's encoding lacks a character, or it is half of a surrogate pair
            encoding = self.stream.encoding or "ascii"
            return self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        running = running_log()
        lines = None if running is None else running.named_lines(self._number)
        if lines is not None:
            self._show(lines.held())
        try:
            self.stream.flush()
        except OSError:
            if running is None:
                raise
            self._is_gone = True

    def fileno(self) -> int:
        return self.stream.fileno()

    def isatty(self) -> bool:
        return self.stream.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base has an attribute here
        return self.stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.stream.errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
