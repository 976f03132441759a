"""A process that works on one submitted run, as the engine that started it sees it.

It is a new interpreter, which inherits no connection and imports nothing that the engine's program has as `__main__`.
It leads a session of its own, so that Ctrl-C reaches the engine alone, and it ends when the engine does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import msgspec

from eventcore.record.submitted import Waiting
from sequent.cli.run_entry import RELEASE, Order, Result

BOOT = "from sequent.cli.run_entry import main; main({}, {})"


class RunProcess:
    """One process; `ended` is called from a thread of its own when the process is gone."""

    def __init__(self, run: Waiting, order: Order, ended: Callable[[RunProcess], None]) -> None:
        self.run = run
        orders, self._orders = os.pipe()
        self._results, results = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BOOT.format(orders, results)],
                stdin=subprocess.DEVNULL, pass_fds=(orders, results), start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(self._orders)
            os.close(self._results)
            raise
        finally:
            os.close(orders)
            os.close(results)
        self.pid = self._process.pid
        self._say(msgspec.json.encode(order) + b"\n")
        threading.Thread(target=self._wait, args=(ended,), name="sequent-run", daemon=True).start()

    def release(self) -> None:
        """Have it leave its run once only time or a user can bring more."""
        self._say(RELEASE)

    def interrupt(self) -> None:
        """Have it stop as Ctrl-C does."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def result(self) -> Result | str:
        """What it said of its run at its end; where it said nothing, how it died."""
        os.set_blocking(self._results, False)  # a process that its run left behind may hold the other end
        said = b""
        with suppress(BlockingIOError):
            while chunk := os.read(self._results, 1 << 16):
                said += chunk
        os.close(self._results)
        os.close(self._orders)
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(said, type=Result)
        code = self._process.returncode
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _say(self, line: bytes) -> None:
        with suppress(BrokenPipeError):
            os.write(self._orders, line)

    def _wait(self, ended: Callable[[RunProcess], None]) -> None:
        self._process.wait()
        ended(self)
