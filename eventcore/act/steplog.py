"""Where a step's own output goes: its log file, and the console.

While a call runs, what it prints and what it logs is written to its log file, which appears with the first line and not
before, so a step that says nothing leaves no file. The console gets the same lines: printed text as it is, log records
in the form `[ time ][ Task-step(sequence) ][ level ][ message ]`.
"""

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

from eventcore.act.current import Current

CONSOLE_FORMAT = "[ %(asctime)s ][ %(origin)-11s ][ %(levelname)-7s ][ %(message)s ]"


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Where one attempt writes."""

    path: str  #: the attempt's log file
    level: int = logging.INFO  #: records below it are dropped
    console: bool = True  #: whether records are shown on the console, too


class LogFolder:
    """The log files of one run: `<logdir>/<program>/<run_id>/<step>@<sequence>.<try>.log`.

    From the first recovery on, `r<recovery>` stands before the try. A step's path makes folders of its own; characters
    that a file name cannot hold are percent-encoded.
    """

    def __init__(self, logdir: str, program: str, run_id: str) -> None:
        self.path = str(Path(logdir, _file_name(program), _file_name(run_id)))
        self._steps: dict[str, str] = {}

    def file(self, step: str, sequence: str, recovery: int, try_number: int) -> str:
        """The file of one attempt."""
        stem = self._steps.get(step)
        if stem is None:
            stem = self._steps[step] = "/".join((self.path, *map(_file_name, step.split("/"))))
        attempt = f"{try_number}" if recovery == 0 else f"r{recovery}.{try_number}"
        return f"{stem}@{sequence if sequence.replace('.', '').isalnum() else _file_name(sequence)}.{attempt}.log"


def _file_name(text: str) -> str:
    name = quote(text, safe=" @+=,:()[]{}!'")[:200]
    return name.replace(".", "%2E") if set(name) <= {"."} else name


class StepLog:
    """One attempt's output while it runs."""

    def __init__(self, target: LogTarget, view: Current) -> None:
        self.target = target
        self.origin = f"Task-{view.name}({view.sequence})"
        self._file: TextIO | None = None

    def write(self, text: str) -> None:
        if self._file is None:
            Path(self.target.path).parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.target.path, "a", encoding="utf-8", errors="replace", buffering=1)  # noqa: SIM115
        self._file.write(text)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


_running: ContextVar[StepLog | None] = ContextVar("eventcore_steplog", default=None)


@contextmanager
def captured(target: LogTarget | None, view: Current) -> Iterator[None]:
    """Send to the target what is printed and logged inside; with None, nothing is changed."""
    if target is None:
        yield
        return
    log = StepLog(target, view)
    token = _running.set(log)
    try:
        yield
    finally:
        _running.reset(token)
        log.close()


class SeedFormatter(logging.Formatter):
    """Log lines as the first Eventor wrote them."""

    def __init__(self) -> None:
        super().__init__(CONSOLE_FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created).strftime("%Y-%m-%d,%H:%M:%S.%f")

    def format(self, record: logging.LogRecord) -> str:
        if not hasattr(record, "origin"):
            log = _running.get()
            record.origin = log.origin if log is not None else "MainProcess"
        return super().format(record)


class StepLogHandler(logging.Handler):
    """Writes the records of a running step to its log file, and drops all others."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(SeedFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        log = _running.get()
        if log is not None and record.levelno >= log.target.level:
            try:
                log.write(self.format(record) + "\n")
            except Exception:
                self.handleError(record)


class Tee(io.TextIOBase):
    """A standard stream that copies what a running step prints to its log file."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        log = _running.get()
        if log is not None:
            log.write(text)
        return self.stream.write(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        self.stream.flush()

    def fileno(self) -> int:
        return self.stream.fileno()

    def isatty(self) -> bool:
        return self.stream.isatty()


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Shows records on the standard error of the moment, without the tee that copies printed text."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(SeedFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        stream = sys.stderr
        self.stream = stream.stream if isinstance(stream, Tee) else stream
        super().emit(record)


@contextmanager
def installed(level: int, *, console: bool = True, root: logging.Logger | None = None) -> Iterator[None]:
    """Route logging and the standard streams of this process through the running step's log.

    A root logger that the program has configured keeps its handlers and its level; one that nobody has configured shows
    records of `level` and above on the console, as the seed's programs expect.
    """
    root = root or logging.getLogger()
    handlers: list[logging.Handler] = [StepLogHandler()]
    before = root.level
    if not root.handlers:
        if console:
            handlers.append(ConsoleHandler())
        root.setLevel(level)
    for handler in handlers:
        root.addHandler(handler)
    out, err = sys.stdout, sys.stderr
    if not isinstance(out, Tee):
        sys.stdout, sys.stderr = Tee(out), Tee(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        for handler in handlers:
            root.removeHandler(handler)
        root.setLevel(before)
