"""What the programs that a step starts write: in a worker, it goes to the step's log, and in the end to the console.

Descriptors 1 and 2 of the worker lead to the log file of the step that runs. Most steps start no program and say
nothing, and must not leave a file: their empty one is put aside and becomes the next step's, which costs two renames.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventcore.act.steplog import StepLog


class ProgramOutput:
    """The log file that the worker's descriptors lead to."""

    def __init__(self) -> None:
        self._console = [os.dup(1), os.dup(2)]
        self._file: int | None = None
        self._spare: str | None = None  #: where the empty file is while no step has it

    def begin(self, log: StepLog) -> None:
        """Lead the descriptors to the step's log file."""
        if self._spare is None or not self._take_spare(log.target.path):
            self._let_go()
            self._file = log.opened()
            for number, console in zip((1, 2), self._console, strict=True):
                os.dup2(console if self._file is None else self._file, number)
        log.file = self._file

    def end(self, log: StepLog) -> None:
        """Put an empty file aside; show on the console what programs wrote."""
        if self._file is None:
            return
        if os.fstat(self._file).st_size > 0:
            text = log.foreign()
            self._let_go()
            if text:
                sys.stdout.write(text)
            return
        folder = os.path.dirname(log.target.path)  # noqa: PTH120  a string each way, for every step
        self._spare = f"{folder}/.worker-{os.getpid()}"
        try:
            os.rename(log.target.path, self._spare)  # noqa: PTH104
        except OSError:  # the step itself removed it
            self._let_go()

    def close(self) -> None:
        """Leave nothing behind."""
        if self._spare is not None:
            Path(self._spare).unlink(missing_ok=True)
        self._let_go()
        for number, console in zip((1, 2), self._console, strict=True):
            os.dup2(console, number)
            os.close(console)

    def _take_spare(self, path: str) -> bool:
        assert self._spare is not None
        spare, self._spare = self._spare, None
        try:
            if not os.path.lexists(path):  # an earlier try's log is gone on with, not written over
                os.rename(spare, path)  # noqa: PTH104
                return True
        except FileNotFoundError:
            with suppress(OSError):
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                os.rename(spare, path)  # noqa: PTH104
                return True
        except OSError:
            pass
        Path(spare).unlink(missing_ok=True)
        return False

    def _let_go(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = self._spare = None
