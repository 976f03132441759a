"""What becomes of log records: full lines in files and where nobody reads along, short ones on a terminal."""

import logging
import sys
from datetime import datetime
from typing import TextIO

from eventcore.act.console import LINES, Console, Style
from eventcore.act.steplog import running_log
from eventcore.act.tee import Tee

LINE_FORMAT = "[ %(asctime)s ][ %(origin)-11s ][ %(levelname)-7s ][ %(message)s ]"


class LineFormatter(logging.Formatter):
    """Full lines, `[ time ][ Task-step(sequence) ][ level ][ message ]`; a record's is made once for all places."""

    def __init__(self) -> None:
        super().__init__(LINE_FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return datetime.fromtimestamp(record.created).strftime("%Y-%m-%d,%H:%M:%S.%f")

    def format(self, record: logging.LogRecord) -> str:
        line: str | None = getattr(record, "full_line", None)
        if line is None:
            if not hasattr(record, "origin"):
                running = running_log()
                record.origin = running.origin if running is not None else "MainProcess"
            line = record.full_line = super().format(record)
        return line


class ShortFormatter(logging.Formatter):
    """Short lines: the time, `step@sequence`, what happened.

    A record may say in its attributes what stands there: `instance`, `short` and `style`.
    """

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        running = running_log()
        instance: str = getattr(record, "instance", "") or ("" if running is None else running.instance)
        said: str = getattr(record, "short", None) or record.message
        style: Style | None = getattr(record, "style", None)
        if style is None and record.levelno >= logging.WARNING:
            style = "bad" if record.levelno >= logging.ERROR else "odd"
            said = said if record.name.partition(".")[0] == "eventcore" else f"{record.levelname} {said}"
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        head, newline, rest = said.partition("\n")
        parts = self._console.styled(time, "dim"), self._console.styled(instance, "name") if instance else ""
        return " ".join(filter(None, [*parts, self._console.styled(head, style)])) + newline + rest


class StepLogHandler(logging.Handler):
    """Writes the records of a running step to its log file, and drops all others."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        running = running_log()
        if running is not None and record.levelno >= running.target.level:
            try:
                running.write(self.format(record) + "\n")
            except Exception:
                self.handleError(record)


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Shows records on the standard error of the moment, without the tee that copies printed text."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._formatters: dict[Console, logging.Formatter] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == LINES and not self._console.lines:
            return
        running = running_log()
        console = self._console if running is None else running.target.console
        is_wanted = console.records and (running is None or record.levelno >= running.target.level)
        if is_wanted and not _is_left_out(record, console):
            self.formatter = self._formatter_of(console)
            stream = sys.stderr
            self.stream = stream.stream if isinstance(stream, Tee) else stream
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Report defects of the call, but not that nobody reads the console any more."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def _formatter_of(self, console: Console) -> logging.Formatter:
        found = self._formatters.get(console)
        if found is None:
            found = self._formatters[console] = ShortFormatter(console) if console.is_short else LineFormatter()
        return found


def _is_left_out(record: logging.LogRecord, console: Console) -> bool:
    """Whether the console does without the record.

    Short lines do if its attribute `detail` says so, and a quiet console does if a failed try is repeated.
    """
    if not console.is_short:
        return not console.prints and getattr(record, "is_repeated", False) and not console.is_verbose
    detail = getattr(record, "detail", False)
    return detail is None or (bool(detail) and not console.is_verbose)
