"""Where a step's own output goes: its log file, and the console.

While a call runs, what it prints and what it logs is written to its log file, which appears with the first line and not
before, so a step that says nothing leaves no file. The console gets the same, see `eventcore.act.console`.
"""

import codecs
import errno
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock
from urllib.parse import quote

import msgspec

from eventcore.act.console import CHUNK, Console, NamedLines
from eventcore.act.current import Current
from eventcore.act.own_folder import claim
from eventcore.act.programs import ProgramOutput, has_room
from eventcore.define.plain import plain

log = logging.getLogger("eventcore")

LONGEST_NAME = 110  #: characters; two of them, a try and a suffix must fit into the 255 bytes of a file's name
ENGINE_LOG = "engine.log"  #: the file of the engine's own log, among those of the steps


class LogFolder:
    """The log files of one run: `<logdir>/<program>/<run_id>/<step>@<sequence>.<try>.log`.

    From the first recovery on, `r<recovery>` stands before the try; the logs of a container's setup and teardown have
    `#setup` and `#teardown` behind the sequence. A step's path makes folders of its own; characters that a file name
    cannot hold are percent-encoded, and the end of a long name is replaced by a digest.
    """

    def __init__(self, logdir: str, program: str, run_id: str) -> None:
        self.path = str(Path(logdir, file_name(program), file_name(run_id)))

    @property
    def engine(self) -> str:
        """The file of the engine's own log."""
        return f"{self.path}/{ENGINE_LOG}"

    def file(self, step: str, sequence: str, recovery: int, try_number: int, part: str = "") -> str:
        """The file of one attempt; `part` says that it is one of a container's setup or teardown."""
        return _log_file(self.path, step, sequence, recovery, try_number, part)


class LogTarget(msgspec.Struct, frozen=True):
    """Where the attempts of a run write."""

    folder: str  #: the run's folder, see `LogFolder`
    root: str | None = None  #: the user's own folder around it, in one that others may write to
    level: int = logging.INFO  #: records below it are dropped
    console: Console = Console()  #: what is shown there, too

    def file(self, view: Current) -> str:
        """The log file of an attempt."""
        return _log_file(self.folder, view.name, view.sequence, view.recovery, view.try_number, view.part)


def _log_file(folder: str, step: str, sequence: str, recovery: int, try_number: int, part: str) -> str:
    stem = "/".join((folder, *map(file_name, step.split("/"))))
    attempt = f"{try_number}" if recovery == 0 else f"r{recovery}.{try_number}"
    of_part = f"#{part}" if part else ""
    return f"{stem}@{file_name(sequence)}{of_part}.{attempt}.log"


def file_name(text: str) -> str:
    """A text as the name of a file or a folder."""
    if text.isalnum() and text.isascii() and len(text) <= LONGEST_NAME:
        return text
    name = quote(text, safe=" @+=,:()[]{}!'")
    if len(name) > LONGEST_NAME:
        from hashlib import sha256  # workers start without it

        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{name[: LONGEST_NAME - 17]}~{digest}"
    return name.replace(".", "%2E") if set(name) <= {"."} or name == ENGINE_LOG else name


def opened(path: str, root: str | None) -> int:
    """A new descriptor of a log file, which is created if it does not exist; raises `OSError`.

    `root` is the user's own folder around it, see `eventcore.act.own_folder`.
    """
    if root is not None:
        claim(root)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    if not has_room(file):  # the programs that a step starts would fail by it
        os.close(file)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return file


class OfProcess:
    """What the logs of a process share."""

    def __init__(self) -> None:
        self.programs: ProgramOutput | None = None  #: in a process that only runs steps
        self.step: StepLog | None = None  #: the log of the step that such a process runs
        self.has_complained = False  #: that a log cannot be written: once in a process will do
        self._lock = Lock()

    def complain(self, path: str, error: OSError) -> None:
        """Say, once in the process, that a log cannot be written."""
        with self._lock:
            is_first, self.has_complained = not self.has_complained, True
        if is_first:
            log.warning("The log file %s cannot be written: %s", path, error)


this_process = OfProcess()


class StepLog:
    """One attempt's output while it runs; a file that cannot be written costs the step its log and nothing else."""

    def __init__(self, target: LogTarget, view: Current) -> None:
        self.target = target
        self.view = view
        self.file: int | None = None  #: its descriptor, once it is open
        self.programs: ProgramOutput | None = None  #: what writes to it, too; None for a step in a process of others
        self._lock = RLock()  # a step may have threads, and signal handlers that print
        self._failure: OSError | None = None  #: after it, nothing is written any more
        self._begins = 0  #: where its part of the file begins: behind that of earlier calls in the same try
        self._own: list[tuple[int, int]] = []  #: the parts of the file that this process wrote: start and end
        self._lines: dict[int, NamedLines] = {}  #: by the number of the stream

    @cached_property
    def path(self) -> str:
        """Its log file; most attempts say nothing and never need its name."""
        return self.target.file(self.view)

    @property
    def origin(self) -> str:
        """The step, as full log lines name it."""
        return plain(f"Task-{self.view.name}({self.view.sequence}){self._part}")

    @property
    def instance(self) -> str:
        """The step, as short log lines name it."""
        return plain(f"{self.view.name}@{self.view.sequence}{self._part}")

    @property
    def _part(self) -> str:
        return f", {self.view.part}" if self.view.part else ""

    def named_lines(self, number: int) -> NamedLines | None:
        """What stream 1 or 2 shows of printed text; None where it shows the text as it is."""
        if not self.target.console.names[number - 1]:
            return None
        found = self._lines.get(number)
        if found is None:
            name = self.target.console.styled(f"{self.instance}:", "name")
            found = self._lines[number] = NamedLines(f"{name} ")
        return found

    def end_lines(self) -> None:
        """Show what was printed without the end of a line."""
        if not self._lines:
            return
        token = _running.set(None)  # it is in the log already
        for number, lines in self._lines.items():
            with suppress(OSError):  # nobody reads the console any more
                (sys.stdout if number == 1 else sys.stderr).write(lines.ended())
        _running.reset(token)
        self._lines = {}

    def write(self, text: str) -> None:
        """Append the text, as far as that is possible."""
        with self._lock:
            if self.file is None and self._failure is None:
                self.file = self.opened(self.path) if self.programs is None else self.programs.name()
            try:
                for start in range(0, len(text), CHUNK):
                    self._append(text[start : start + CHUNK].encode("utf-8", "replace"))
            except OSError as error:
                self._failure = error
        self.complain()

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self.file is not None and self._failure is None:
            written = os.write(self.file, rest)
            rest = rest[written:]
            end = os.lseek(self.file, 0, os.SEEK_CUR)
            start = end - written
            if self._own and self._own[-1][1] == start:
                start = self._own.pop()[0]
            self._own.append((start, end))

    def complain(self) -> None:
        """Say that it could not be written, where that is so; that is logged, so no lock may be held."""
        if self._failure is not None:
            this_process.complain(self.path, self._failure)

    def opened(self, path: str) -> int | None:
        """A new descriptor of the file, which is created if it does not exist; None if that fails."""
        if self._failure is not None:
            return None
        try:
            file = opened(path, self.target.root)
        except OSError as error:
            self._failure = error
            return None
        self._begins = os.fstat(file).st_size
        return file

    def foreign(self) -> Iterator[str]:
        """What others wrote to the file, piece by piece: the programs that the step started."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        with suppress(OSError), Path(self.path).open("rb") as file:
            size, at = os.fstat(file.fileno()).st_size, self._begins
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


_running: ContextVar[StepLog | None] = ContextVar("eventcore_steplog")


def running_log() -> StepLog | None:
    """The log of the step that runs here: in a process that only runs steps, also in threads which that has started."""
    return _running.get(this_process.step)


class captured:
    """Context manager that sends to the target what is printed and logged inside; with None, nothing is changed."""

    def __init__(self, target: LogTarget | None, view: Current) -> None:
        self._log = None if target is None else StepLog(target, view)

    def __enter__(self) -> None:
        if self._log is not None:
            self._token = _running.set(self._log)
            if this_process.programs is not None and this_process.step is None:  # else it is of a flow in a step
                this_process.step, self._log.programs = self._log, this_process.programs
                self._log.programs.begin(self._log)

    def __exit__(self, *_: object) -> None:
        if self._log is not None:
            _running.reset(self._token)
            self._log.end_lines()
            if self._log.programs is not None:
                this_process.step = None
                self._log.programs.end(self._log)
            else:
                self._log.close()
            self._log.complain()


def are_programs_captured() -> bool:
    """Whether what the programs of a step write goes to its log by itself, as it does in a worker process."""
    log = running_log()
    return log is not None and log.programs is not None
