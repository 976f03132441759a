"""What tests of worker processes see of the system's processes, and steps that keep some busy."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.eventcore.act.bench import eventually


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only awaits its parent's attention does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def pids_in(path: Path) -> list[int]:
    """The process ids that a step has written to the file, once they are there."""
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n")), f"nothing in {path}"
    return [int(word) for word in path.read_text().split()]


def sleeping_with_a_child(path: Path) -> Callable[[], None]:
    """A step that starts a program, notes both process ids in the file, and waits."""
    name = str(path)

    def step() -> None:
        child = subprocess.Popen(["sleep", "300"])
        with open(name, "w") as file:
            file.write(f"{os.getpid()} {child.pid}\n")
        child.wait()

    return step


def stuck_in_c(path: Path) -> Callable[[], None]:
    """A step that starts a program and then never gives the interpreter's lock back."""
    name = str(path)

    def step() -> None:
        child = subprocess.Popen(["sleep", "300"])
        with open(name, "w") as file:
            file.write(f"{os.getpid()} {child.pid}\n")
        re.match(r"(a+)+$", "a" * 60 + "b")

    return step


def children() -> set[int]:
    """The processes that this one has started and that live."""
    own = os.getpid()
    found = (path.parent.name for path in Path("/proc").glob("[0-9]*/stat"))
    return {int(pid) for pid in found if alive(int(pid)) and parent_of(int(pid)) == own}


def parent_of(pid: int) -> int | None:
    """The process that started it."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
