"""Where a step's own output goes: its log file, and the console.

While a call runs, what it prints and what it logs is written to its log file, which appears with the first line and not
before, so a step that says nothing leaves no file. The console gets the same lines: printed text as it is, log records
in the form `[ time ][ Task-step(sequence) ][ level ][ message ]`.
"""

import codecs
import errno
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import msgspec

from eventcore.act.current import Current
from eventcore.act.own_folder import claim
from eventcore.act.programs import ProgramOutput, has_room

log = logging.getLogger("eventcore")

LONGEST_NAME = 110  #: characters; two of them, a try and a suffix must fit into the 255 bytes of a file's name
CHUNK = 1 << 16  #: bytes that are copied at once

CONSOLE_FORMAT = "[ %(asctime)s ][ %(origin)-11s ][ %(levelname)-7s ][ %(message)s ]"


class LogFolder:
    """The log files of one run: `<logdir>/<program>/<run_id>/<step>@<sequence>.<try>.log`.

    From the first recovery on, `r<recovery>` stands before the try. A step's path makes folders of its own; characters
    that a file name cannot hold are percent-encoded, and the end of a long name is replaced by a digest.
    """

    def __init__(self, logdir: str, program: str, run_id: str) -> None:
        self.path = str(Path(logdir, file_name(program), file_name(run_id)))

    def file(self, step: str, sequence: str, recovery: int, try_number: int) -> str:
        """The file of one attempt."""
        return _log_file(self.path, step, sequence, recovery, try_number)


class LogTarget(msgspec.Struct, frozen=True):
    """Where the attempts of a run write."""

    folder: str  #: the run's folder, see `LogFolder`
    root: str | None = None  #: the user's own folder around it, in one that others may write to
    level: int = logging.INFO  #: records below it are dropped
    console: bool = True  #: whether records are shown on the console, too

    def file(self, view: Current) -> str:
        """The log file of an attempt."""
        return _log_file(self.folder, view.name, view.sequence, view.recovery, view.try_number)


def _log_file(folder: str, step: str, sequence: str, recovery: int, try_number: int) -> str:
    stem = "/".join((folder, *map(file_name, step.split("/"))))
    attempt = f"{try_number}" if recovery == 0 else f"r{recovery}.{try_number}"
    return f"{stem}@{file_name(sequence)}.{attempt}.log"


def file_name(text: str) -> str:
    """A text as the name of a file or a folder."""
    if text.isalnum() and text.isascii() and len(text) <= LONGEST_NAME:
        return text
    name = quote(text, safe=" @+=,:()[]{}!'")
    if len(name) > LONGEST_NAME:
        from hashlib import sha256  # workers start without it

        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{name[: LONGEST_NAME - 17]}~{digest}"
    return name.replace(".", "%2E") if set(name) <= {"."} else name


class StepLog:
    """One attempt's output while it runs; a file that cannot be written costs the step its log and nothing else."""

    def __init__(self, target: LogTarget, view: Current) -> None:
        self.target = target
        self.view = view
        self.file: int | None = None  #: its descriptor, once it is open
        self._broken = False
        self._own: list[tuple[int, int]] = []  #: the parts of the file that this process wrote: start and end

    @cached_property
    def path(self) -> str:
        """Its log file; most attempts say nothing and never need its name."""
        return self.target.file(self.view)

    @property
    def origin(self) -> str:
        """The step, as log lines name it."""
        return f"Task-{self.view.name}({self.view.sequence})"

    def write(self, text: str) -> None:
        """Append the text, as far as that is possible."""
        if self._broken:
            return
        if self.file is None:
            programs = _routing.programs
            self.file = self.opened(self.path) if programs is None else programs.name()
        try:
            for start in range(0, len(text), CHUNK):
                self._append(text[start : start + CHUNK].encode("utf-8", "replace"))
        except OSError as error:
            self._give_up(error)

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self.file is not None:
            written = os.write(self.file, rest)
            rest = rest[written:]
            end = os.lseek(self.file, 0, os.SEEK_CUR)
            start = end - written
            if self._own and self._own[-1][1] == start:
                start = self._own.pop()[0]
            self._own.append((start, end))

    def _give_up(self, error: OSError) -> None:
        """Write no more of this log, and say so once in the process."""
        self._broken = True
        if _routing.is_first_complaint():
            log.warning("The log file %s cannot be written: %s", self.path, error)

    def opened(self, path: str) -> int | None:
        """A new descriptor of the file, which is created if it does not exist; None if that fails."""
        if self._broken:
            return None
        try:
            if self.target.root is not None:
                claim(self.target.root)
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            self._give_up(error)
            return None
        if not has_room(file):  # the programs that a step starts would fail by it
            os.close(file)
            self._give_up(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            return None
        return file

    def foreign(self) -> Iterator[str]:
        """What others wrote to the file, piece by piece: the programs that the step started."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        with suppress(OSError), Path(self.path).open("rb") as file:
            size, at = os.fstat(file.fileno()).st_size, 0
            for start, end in [*self._own, (size, size)]:
                file.seek(at)
                while at < start and (data := file.read(min(CHUNK, start - at))):
                    at += len(data)
                    yield decode(data)
                at = end
            yield decode(b"", final=True)

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            os.close(self.file)
            self.file = None


_running: ContextVar[StepLog | None] = ContextVar("eventcore_steplog", default=None)


class captured:
    """Context manager that sends to the target what is printed and logged inside; with None, nothing is changed."""

    def __init__(self, target: LogTarget | None, view: Current) -> None:
        self._log = None if target is None else StepLog(target, view)

    def __enter__(self) -> None:
        if self._log is not None:
            self._token = _running.set(self._log)
            if _routing.programs is not None:
                _routing.programs.begin(self._log)

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            _running.reset(self._token)
            if _routing.programs is not None:
                _routing.programs.end(self._log)
            else:
                self._log.close()


class LineFormatter(logging.Formatter):
    """Log lines in the form of the console."""

    def __init__(self) -> None:
        super().__init__(CONSOLE_FORMAT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  logging's name
        return datetime.fromtimestamp(record.created).strftime("%Y-%m-%d,%H:%M:%S.%f")

    def format(self, record: logging.LogRecord) -> str:
        if not hasattr(record, "origin"):
            running = _running.get()
            record.origin = running.origin if running is not None else "MainProcess"
        return super().format(record)


class StepLogHandler(logging.Handler):
    """Writes the records of a running step to its log file, and drops all others."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        running = _running.get()
        if running is not None and record.levelno >= running.target.level:
            try:
                running.write(self.format(record) + "\n")
            except Exception:
                self.handleError(record)


class Tee(io.TextIOBase):
    """A standard stream that also copies what a running step prints to its log file.

    No step fails because nobody reads the console any more, as in `sequent run flow.py | head -1`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._is_gone = False

    def write(self, text: str) -> int:
        running = _running.get()
        if running is None:
            return self.stream.write(text)
        running.write(text)
        if not self._is_gone:
            try:
                for start in range(0, len(text), CHUNK):
                    self.stream.write(text[start : start + CHUNK])
            except OSError:
                self._is_gone = True
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError:
            if _running.get() is None:
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


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Shows records on the standard error of the moment, without the tee that copies printed text."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        running = _running.get()
        if running is None or (running.target.console and record.levelno >= running.target.level):
            stream = sys.stderr
            self.stream = stream.stream if isinstance(stream, Tee) else stream
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Report defects of the call, but not that nobody reads the console any more."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class _Routing:
    """How logging and the standard streams of this process are routed.

    They belong to the process and not to an engine, so the first user changes them and the last one restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._undo = ExitStack()
        self._has_complained = False
        self.programs: ProgramOutput | None = None  #: in a process that only runs steps

    def enter(self, level: int, console: bool, own_process: bool) -> None:
        with self._lock:
            self._users += 1
            if self._users > 1:
                return
            self._has_complained = False
            self._route_streams(own_process)
            if own_process:
                self.programs = ProgramOutput()
                self._undo.callback(self.programs.close)
            self._route_logging(level, console)

    def is_first_complaint(self) -> bool:
        """Whether nobody has complained yet that a log cannot be written: once in a process will do."""
        with self._lock:
            is_first, self._has_complained = not self._has_complained, True
        return is_first

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._undo.close()

    def _route_streams(self, own_process: bool) -> None:
        out, err = sys.stdout, sys.stderr
        self._undo.callback(_set_streams, out, err)
        if own_process:  # what Python writes must reach the console whatever becomes of descriptors 1 and 2
            out, err = _again(1, out), _again(2, err)
            self._undo.callback(_close, out)
            self._undo.callback(_close, err)
        _set_streams(Tee(out or _nowhere()), Tee(err or _nowhere()))

    def _route_logging(self, level: int, console: bool) -> None:
        root = logging.getLogger()
        handlers: list[logging.Handler] = [StepLogHandler()]
        if not root.handlers:
            if console:
                handlers.append(ConsoleHandler())
            self._undo.callback(root.setLevel, root.level)
            root.setLevel(level)
        for handler in handlers:
            root.addHandler(handler)
            self._undo.callback(root.removeHandler, handler)


def _again(descriptor: int, stream: TextIO) -> TextIO:
    """The stream on a descriptor of its own."""
    return open(os.dup(descriptor), "w", encoding=stream.encoding, errors=stream.errors, buffering=1)  # noqa: PTH123


def _nowhere() -> TextIO:
    """A stream that drops everything, for a process that was started without one."""
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _close(stream: TextIO) -> None:
    with suppress(OSError):  # what it has not written yet, nobody reads any more
        stream.close()


def _set_streams(out: TextIO | Tee, err: TextIO | Tee) -> None:
    sys.stdout, sys.stderr = out, err


_routing = _Routing()


def are_programs_captured() -> bool:
    """Whether what the programs of a step write goes to its log by itself, as it does in a worker process."""
    return _routing.programs is not None


@contextmanager
def installed(level: int, *, console: bool = True, own_process: bool = False) -> Iterator[None]:
    """Route logging and the standard streams of this process through the running step's log.

    A root logger that the program has configured keeps its handlers and its level; one that nobody has configured shows
    records of `level` and above on the console. With `own_process`, for a process that only runs steps, the output of
    the programs that a step starts is routed, too.
    """
    _routing.enter(level, console, own_process)
    try:
        yield
    finally:
        _routing.leave()
