"""The output of the programs that a step starts: in a worker, it goes to the step's log, and at the end to the console.

Descriptors 1 and 2 of the worker lead to a file that becomes the step's log. Most steps start no program and write
nothing, and must leave no file: so the file has a hidden name until the step writes something or starts a program, and
is kept for the next step if neither happens. If code other than Python, such as a C library, has written to it, the
file gets its name when the step is over.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventcore.act.steplog import StepLog

#: What Python tells its audit hooks when a program or a process is about to be started.
STARTS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec"})


class ProgramOutput:
    """The file that the worker's descriptors lead to; a process has one of these for as long as it lives."""

    def __init__(self) -> None:
        self._console = [os.dup(1), os.dup(2)]
        self._file: int | None = None
        self._hidden: str | None = None  #: the name of the file while it is no step's log
        self._log: StepLog | None = None  #: of the step that runs, until the file has its name
        self._is_closed = False
        sys.addaudithook(self._heard)

    def begin(self, log: StepLog) -> None:
        """Lead the descriptors to a file for the step's log."""
        if self._file is not None and not has_room(self._file):
            self._lead_to(None)
        if self._file is None:
            self._hidden = self._hidden or hidden_file(log.target.folder, os.getpid())
            self._lead_to(log.opened(self._hidden))
        self._log = log

    def name(self) -> int | None:
        """Make the file the log of the running step, unless it is already; returns its descriptor."""
        log, self._log = self._log, None
        if log is not None and self._file is not None:
            if not self._renamed(log.path):
                self._lead_to(log.opened(log.path))
            log.file = self._file
        return self._file

    def end(self, log: StepLog) -> None:
        """Show on the console what programs wrote, and close the file if it has become the step's log."""
        if self._log is not None and self._file is not None and os.fstat(self._file).st_size > 0:
            self.name()
        if self._log is None:
            if log.target.console.prints:
                self._show(log)
            self._let_go()
        self._log = None

    def _show(self, log: StepLog) -> None:
        lines = log.named_lines(1)
        with suppress(OSError):  # nobody reads the console any more
            for text in log.foreign():
                sys.stdout.write(text if lines is None else lines.shown(text))
        log.end_lines()

    def close(self) -> None:
        """Restore the descriptors, and remove a file that has no name yet."""
        self._is_closed = True
        if self._file is not None and self._hidden is not None:
            Path(self._hidden).unlink(missing_ok=True)
        self._let_go()
        for number, console in zip((1, 2), self._console, strict=True):
            os.dup2(console, number)
            os.close(console)

    def _heard(self, event: str, _: Any) -> None:
        if event in STARTS and self._log is not None and not self._is_closed:
            self.name()

    def _renamed(self, path: str) -> bool:
        """Give the file its name; False if there is such a file already, to which the step then appends."""
        assert self._hidden is not None
        with suppress(OSError):
            if not os.path.lexists(path):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                os.rename(self._hidden, path)  # noqa: PTH104
                return True
        Path(self._hidden).unlink(missing_ok=True)
        return False

    def _lead_to(self, file: int | None) -> None:
        self._let_go()
        self._file = file
        for number, console in zip((1, 2), self._console, strict=True):
            os.dup2(console if file is None else file, number)

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def has_room(file: int) -> bool:
    """Whether the disk of an open file has any room left."""
    about = os.fstatvfs(file)
    return about.f_bavail > 0 or about.f_blocks == 0


def occupy_standard_descriptors() -> None:
    """Lead standard descriptors that this process was started without nowhere.

    Otherwise the next pipe or file that is opened would get the number of one, and what programs print would go there.
    """
    with suppress(OSError):
        while (file := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(file, True)
        os.close(file)


def hidden_file(folder: str, pid: int) -> str:
    """The path of a worker's file without a name, in the folder of the run's logs."""
    return f"{folder}/.worker-{pid}"


def rescue(folder: str, pid: int, path: str | None) -> None:
    """Give the hidden file of a dead worker the name of the log of the step that it ran, `path`, or remove it."""
    hidden = Path(hidden_file(folder, pid))
    with suppress(OSError):
        if hidden.stat().st_size > 0 and path is not None and not Path(path).exists():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            hidden.rename(path)
        else:
            hidden.unlink()
