"""Runs that are watched: the real command on a pseudo-terminal, which is read as a terminal shows it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyte
import pytest
from click.testing import CliRunner

from sequent.cli.command import sequent
from tests.commands import COMMAND, run_sequent

DEADLINE = 600

#: a loop whose iterations wait for files of their own, a step that fails once, and one with a delay
FLOW = """
import time
from pathlib import Path
from typing import Any
import sequent as seq

def wait(name):
    print("waiting for", name)
    while not Path(name).exists():
        time.sleep(0.02)

def once():
    if not Path("mended").exists():
        Path("mended").touch()
        raise ConnectionError("not yet")

flow = seq.Sequent(config={"max_concurrent": 4})
days = flow.add_step("days", loop=["mon", "tue", "wed"])
days.add_step("load", wait, args=(days.item,))
again = flow.add_step("again", once, require=((days, seq.STEP_SUCCESS),), config={"retries": 1, "retry_delay": 600})
flow.add_step("late", print, args=("late",), require=((days, seq.STEP_SUCCESS),), delay=600)
"""

SHORT = """
import sequent as seq
flow = seq.Sequent(config={"task_construct": "invoke"})
flow.add_step("say", print, args=("said",))
"""

MANY = """
import sequent as seq
from pathlib import Path
from typing import Any
import time

def wait(name):
    while not Path(name).exists():
        time.sleep(0.02)

flow = seq.Sequent()
last = None
for n in range(30):
    box = flow.add_step(f"box {n:02}", require=() if last is None else ((last, seq.STEP_SUCCESS),))
    box.add_step("inner", *((wait, ("mon",)) if n == 15 else (print, (n,))))
    last = box
"""


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str, columns: int = 100, lines: int = 30, term: str = "xterm") -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000, ratio=0.001)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.end, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen(
            [COMMAND, *arguments], cwd=folder, env=environment(folder, term), stdin=other, stdout=other, stderr=other,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(other)

    def read(self) -> bool:
        """Take what the command has written; False where nothing more can come."""
        if select.select([self.end], [], [], 0.05)[0]:
            try:
                data = os.read(self.end, 1 << 16)
            except OSError:  # nobody has the terminal open any more
                return False
            self.raw += data
            self.stream.feed(data)
        return True

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def text(self) -> str:
        """What stands on the screen and what has been pushed up from it."""
        above = ["".join(line[x].data for x in range(self.screen.columns)) for line in self.screen.history.top]
        return "\n".join([*(line.rstrip() for line in above), self.shown])

    def until(self, *words: str) -> str:
        """The screen when it shows the words."""
        return self.until_so(lambda shown: all(word in shown for word in words), " and ".join(words))

    def until_so(self, is_so: Callable[[str], bool], what: str) -> str:
        """The screen when it is so."""
        deadline = time.monotonic() + DEADLINE
        while not is_so(self.shown):
            more = self.read()
            assert time.monotonic() < deadline, f"{what} not shown:\n{self.text}"
            assert more or is_so(self.shown), f"ended without {what}:\n{self.text}"
        return self.shown

    def until_steps(self, **words: str) -> None:
        """The screen shows these words in the lines of these steps; it may be read while it is drawn."""
        self.until_so(
            lambda shown: all(word in line_of(shown, name) for name, word in words.items()),
            " and ".join(f"{name} with {word}" for name, word in words.items()),
        )

    def press_ctrl_c(self) -> None:
        """As a user does: the terminal turns it into a signal."""
        os.write(self.end, b"\x03")

    def ended(self) -> int:
        """The exit code."""
        deadline = time.monotonic() + DEADLINE
        while self.read():
            assert time.monotonic() < deadline, self.text
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """End what still runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.end)


def environment(folder: Path, term: str = "xterm") -> dict[str, str]:
    """The surroundings of a command."""
    return {**os.environ, "TMPDIR": str(folder), "TERM": term, "PYTHONIOENCODING": "utf-8"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Programs; what they wait for is there in the end, so that nothing is left behind."""
    for name, text in {"flow.py": FLOW, "short.py": SHORT, "many.py": MANY}.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    if (tmp_path / "flow.run.db").exists():
        cancel(tmp_path)
    go(tmp_path, "mon", "tue", "wed")


@pytest.fixture
def terminal(folder: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts commands on terminals."""
    found: list[Terminal] = []

    def start(*arguments: str, **size: object) -> Terminal:
        found.append(Terminal(folder, *arguments, **size))  # type: ignore[arg-type]
        return found[-1]

    yield start
    for one in found:
        one.close()


def go(folder: Path, *names: str) -> None:
    """Let iterations go on."""
    for name in names:
        (folder / name).touch()


def piped(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command without a terminal."""
    return run_sequent(folder, *arguments, environment=environment(folder))


def line_of(shown: str, name: str) -> str:
    """The line of a step; nothing where it is not drawn."""
    return next((line for line in shown.splitlines() if f"── {name}" in line), "")


def test_a_run_shows_its_tree_and_ctrl_c_stops_it_cleanly(folder: Path, terminal: Callable[..., Terminal]) -> None:
    run = terminal("run", "flow.py", columns=160)
    run.until("waiting for mon", "active 0/3", "running", "s  (3 items)")
    run.until_steps(days="active", again="waiting")
    go(folder, "mon")
    run.until("1/3", "waiting for tue")
    run.press_ctrl_c()
    run.until("stopping: nothing new starts")
    go(folder, "tue", "wed")
    assert run.ended() == 1
    assert "interrupted; to continue, run: sequent continue flow.run.db --run-id" in run.text
    assert "days/load@1.1 success in " in run.text
    assert "Trying to run" not in run.text
    assert "waiting for wed" not in run.text
    assert run.text.count("── days") == 1
    assert not run.screen.cursor.hidden
    assert [step["state"] for step in status(folder)["steps"]][1:] == ["waiting", "waiting"]


def test_a_second_ctrl_c_ends_running_steps_and_the_run_can_be_recovered(
    folder: Path, terminal: Callable[..., Terminal]
) -> None:
    run = terminal("run", "flow.py")
    run.until("waiting for mon", "0/3")
    run.press_ctrl_c()
    run.until("stopping: nothing new starts")
    run.press_ctrl_c()
    assert run.ended() == 1
    assert "interrupted; to continue, run: sequent continue flow.run.db --run-id" in run.text
    assert not run.screen.cursor.hidden
    assert status(folder)["state"] == "interrupted"
    go(folder, "mon", "tue", "wed")
    recovered = terminal("recover", "flow.py")
    recovered.until("2 wait for their time, the next until", "3/3")
    recovered.until_steps(late="delay in", again="try 2 in")


def test_a_run_of_another_process_is_watched_to_its_end(folder: Path, terminal: Callable[..., Terminal]) -> None:
    begun = piped(folder, "run", "--detach", "flow.py")
    assert begun.returncode == 0, begun.stderr
    watching = terminal("watch", "flow.py", "--interval", "0.1", columns=40, lines=8)
    watching.until("days", "0/3")
    leaving = terminal("watch", "flow.py")
    leaving.until("days")
    leaving.press_ctrl_c()
    assert leaving.ended() == 1
    assert "the run continues" in leaving.text
    assert status(folder)["state"] == "running"
    go(folder, "mon")
    watching.until("1/3")
    assert all(len(line) <= 40 for line in watching.shown.splitlines())
    cancel(folder)
    assert watching.ended() == 1
    assert "cancelled" in watching.text


def test_what_does_not_fit_is_folded_and_what_runs_is_not(folder: Path, terminal: Callable[..., Terminal]) -> None:
    run = terminal("run", "many.py", lines=10)
    run.until("15 more steps  success", "14 more steps  waiting", "inner")
    run.until_steps(**{"box 15": "active"})
    go(folder, "mon")
    assert run.ended() == 0
    assert "run " in run.shown
    assert "success" in run.shown


@pytest.mark.parametrize(
    ("option", "term", "line"),
    [
        ("--plain", "xterm", "[ Step say/1 ] Trying to run"),
        ("--quiet", "xterm", None),
        (None, "dumb", "say@1 success in "),
        ("--verbose", "dumb", "say@1 started"),
    ],
)
def test_a_terminal_that_cannot_or_need_not_show_a_tree_gets_lines(
    terminal: Callable[..., Terminal], option: str | None, term: str, line: str | None
) -> None:
    run = terminal("run", "short.py", *([option] if option else []), term=term)
    assert run.ended() == 0
    assert b"\x1b" not in run.raw
    assert "said" in run.text
    assert line is None or line in run.text
    assert (line is not None) == ("Eventor store file" in run.text)


def test_without_colours_the_tree_says_the_same(
    terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    run = terminal("run", "short.py")
    assert run.ended() == 0
    assert "success" in line_of(run.text, "say")
    assert b"\x1b[32m" not in run.raw


def test_piped_there_are_lines_and_no_escape_codes(folder: Path) -> None:
    done = piped(folder, "run", "short.py")
    assert done.stdout.splitlines()[0] == "said"
    assert "Trying to run" in done.stderr
    watched = piped(folder, "watch", "short.py")
    assert watched.returncode == 0
    assert " say: success" in watched.stdout
    assert "\x1b" not in done.stdout + done.stderr + watched.stdout + watched.stderr


def test_watching_in_lines_tells_each_change_and_ends_as_the_run_does(folder: Path) -> None:
    assert piped(folder, "run", "--detach", "flow.py").returncode == 0
    watching = subprocess.Popen(
        [COMMAND, "watch", "flow.py", "--interval", "0.1"], cwd=folder, env=environment(folder), text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert watching.stdout is not None
    said: list[str] = []

    def until(words: str) -> None:
        for line in watching.stdout or ():
            said.append(line)
            if words in line:
                return
        pytest.fail(f"ended without {words}: {said}")

    until("days/load: active 0/3")
    go(folder, "mon", "tue", "wed")
    until("days/load: success 3/3")
    until("again: ready, @1: try 2 begins at")
    cancel(folder)
    until("cancelled")
    watching.communicate(timeout=DEADLINE)
    assert watching.returncode == 1


def test_a_detached_run_goes_on_in_a_session_of_its_own_and_logs_beside_the_store(folder: Path) -> None:
    begun = piped(folder, "run", "--detach", "flow.py", "--run-id", "mine")
    assert begun.returncode == 0, begun.stderr
    assert "sequent watch flow.run.db --run-id mine" in begun.stdout
    pid = int(begun.stdout.partition("process ")[2].partition(";")[0])
    assert os.getsid(pid) == pid
    assert status(folder)["engine"].startswith(f"process {pid} on ")
    (log,) = folder.glob("flow.run.*.log")
    assert str(log) in begun.stdout
    cancel(folder)
    deadline = time.monotonic() + DEADLINE
    while "run mine: cancelled" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "short.py", "--store", "missing/x.db"), 2, "missing"),
        (("run", "short.py", "--store", ":memory:"), 2, "in memory"),
        (("recover", "short.py"), 2, "run the program first"),
        (("run", "wrong.py"), 2, "LookupError: mine"),
    ],
)
def test_what_keeps_a_detached_run_from_beginning_is_told_in_a_line(
    folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    (folder / "wrong.py").write_text("raise LookupError('mine')\n")
    verb, *rest = arguments
    done = piped(folder, verb, "--detach", *rest)
    assert done.returncode == code
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("sequent: ")
    assert said in line
    assert not list(folder.glob("*.log"))


def status(folder: Path) -> dict[str, Any]:
    """The run of `flow.py` for programs."""
    found: dict[str, Any] = json.loads(here("status", folder, "--json"))
    return found


def cancel(folder: Path) -> None:
    """End the run of `flow.py`, if it is not over."""
    here("cancel", folder)


def here(verb: str, folder: Path, *options: str) -> str:
    """A verb in this process, which is quicker."""
    return CliRunner().invoke(sequent, [verb, str(folder / "flow.run.db"), *options]).stdout
