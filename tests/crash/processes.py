"""Programs run as real processes, and what is left of them."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

DEADLINE = 600
MARK = "EVENTCORE_TEST_MARK"


class Scripts:
    """Starts scripts of one folder; everything they leave behind carries a mark in its environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"{os.getpid()}-{folder}"
        self._started: list[subprocess.Popen[str]] = []

    def write(self, text: str, name: str = "script.py") -> Path:
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def start(self, script: Path, *arguments: object) -> subprocess.Popen[str]:
        """Start the script; what it says goes to pipes."""
        process = subprocess.Popen(
            [sys.executable, str(script), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, MARK: self.mark, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._started.append(process)
        return process

    def run(self, script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the script to its end."""
        process = self.start(script, *arguments)
        out, err = process.communicate(timeout=DEADLINE)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def left(self) -> list[int]:
        """The processes that carry the mark, zombies apart."""
        return [pid for pid in _pids() if self.mark in _environment(pid) and is_alive(pid)]

    def all_gone(self) -> bool:
        return not self.left()

    def clean_up(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def scripts(tmp_path: Path) -> Iterator[Scripts]:
    """A place to run scripts in, and an end of all that they started."""
    found = Scripts(tmp_path)
    yield found
    found.clean_up()


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait for the condition; fail where it does not come."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what}: never"
        time.sleep(0.005)


def freeze(process: subprocess.Popen[str], store: Path) -> None:
    """Stop an engine at a moment when it does not write: until it goes on, SQLite would let nobody else do so."""

    def is_frozen_outside_of_a_turn() -> bool:
        process.send_signal(signal.SIGSTOP)
        eventually(lambda: state_of(process.pid) == "T", "the stop of the engine")
        try:
            with closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            return False
        return True

    eventually(is_frozen_outside_of_a_turn, "a moment between turns")


def state_of(pid: int) -> str:
    """The state of a process, as one letter; Z where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    return state_of(pid) not in "ZX"


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""
