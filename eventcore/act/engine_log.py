"""The engine's own log: what it logs about a run goes to a file beside the logs of the run's steps."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection
from typing import Self

from eventcore.act.log_handlers import LineFormatter
from eventcore.act.observer import Notice, Observer, RunAbandoned, RunEntered
from eventcore.act.own_folder import log_root
from eventcore.act.steplog import LogFolder, opened, this_process

log = logging.getLogger("eventcore")


class EngineLog(logging.Handler, Observer):
    """Context manager and observer that keeps what the engine of this thread logs; all recoveries share the file.

    The file appears when the run is entered, with what was logged until then. One that cannot be written costs the run
    its log and nothing else.
    """

    kinds: Collection[type[Notice]] = (RunEntered, RunAbandoned)

    def __init__(self, logdir: str, level: int) -> None:
        super().__init__(level)
        self.setFormatter(LineFormatter())
        self._logdir = logdir
        self._thread = threading.get_ident()
        self._path: str | None = None  #: known when the run is entered
        self._file: int | None = None
        self._held: list[str] = []  #: lines that were logged before
        self._is_broken = False

    def __enter__(self) -> Self:
        log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        log.removeHandler(self)
        self.close()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def notify(self, notice: Notice) -> None:
        """The run is entered, so it is known where its log goes; or it is left with an error, which its caller gets."""
        if isinstance(notice, RunEntered):
            self._enter(notice.program, notice.run_id)
        elif isinstance(notice, RunAbandoned):
            said = f"The engine left the run: {notice.error}"
            self.handle(logging.LogRecord(log.name, logging.ERROR, __file__, 0, said, None, None))

    def _enter(self, program: str, run_id: str) -> None:
        root, is_own = log_root(self._logdir)
        self.acquire()  # other threads may log something, too
        try:
            self._root = root if is_own else None
            self._path = LogFolder(root, program, run_id).engine
            held, self._held = self._held, []
            self._write("".join(held))
        finally:
            self.release()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record, unless it is another engine's of this process."""
        if not self._is_mine(record) or self._is_broken:
            return
        try:
            line = f"{self.format(record)}\n"
        except Exception:
            self.handleError(record)
            return
        if self._path is None:
            self._held.append(line)
        else:
            self._write(line)

    def _is_mine(self, record: logging.LogRecord) -> bool:
        """Of a thread that is no engine's, such as an executor's, each engine keeps everything."""
        of_thread = [one for one in log.handlers if isinstance(one, EngineLog) and one._thread == record.thread]
        return not of_thread or of_thread[-1] is self

    def _write(self, text: str) -> None:
        assert self._path is not None
        rest = memoryview(text.encode("utf-8", "replace"))
        try:
            if rest and self._file is None:
                self._file = opened(self._path, self._root)
            while rest and self._file is not None:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self._is_broken = True
            this_process.complain(self._path, error)
