"""Places for runs that are submitted, and for engines that work them off."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventcore.record.reading import reading
from eventcore.record.views import RunView
from tests.acceptance.test_shell import sequent
from tests.commands import COMMAND
from tests.crash.processes import MARK, Scripts, eventually
from tests.eventcore.record.places import KINDS, SHARED

FLOW = """
import os
import signal
import time
from pathlib import Path
import sequent as seq

HERE = Path(__file__).parent

def note(name):
    with open(HERE / "done.txt", "a") as file:
        file.write(f"{name}\\n")

def work(name, together=1, gate=False):
    (HERE / f"{name} began").touch()
    while gate and not (HERE / "gate").exists():
        time.sleep(0.02)
    while len(list(HERE.glob("* began"))) < together:
        time.sleep(0.02)
    note(name)

def die(name):
    note(name)
    os.kill(os.getpid(), signal.SIGKILL)

def fail_once(name):
    note(name)
    if not (HERE / "repaired").exists():
        raise ValueError("broken")

def build(name: str, together: int = 1, gate: bool = False, late: bool = False) -> seq.Sequent:
    flow = seq.Sequent("work", config={"logdir": str(HERE / "logs"), "durability": "normal"})
    flow.add_step("work", work, args=(name, together, gate))
    if late:
        flow.add_step("late", note, args=("late",), delay=3600)
    return flow

dying = seq.Sequent("dying", config={"task_construct": "invoke", "logdir": str(HERE / "logs")})
dying.add_step("die", die, args=("dying",))

failing = seq.Sequent("failing", config={"task_construct": "invoke", "logdir": str(HERE / "logs")})
failing.add_step("fail", fail_once, args=("failing",))
"""


class Site:
    """A folder with a program, a store, and the engines that were started on it."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder = folder
        self.store = store
        self._scripts = Scripts(folder)
        self._engines: list[subprocess.Popen[str]] = []
        (folder / "flow.py").write_text(FLOW)

    def submit(self, name: str, *options: str, target: str = "flow.py:build") -> None:
        parameters = ["--param", f"name={name}"] if target.endswith("build") else []
        done = sequent(self.folder, "submit", target, "--store", self.store, "--run-id", name, *parameters, *options)
        assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr

    def engine(self, *options: str) -> subprocess.Popen[str]:
        """Start an engine in the background; its output goes to a file."""
        with (self.folder / f"engine-{len(self._engines)}.txt").open("w") as output:
            process = subprocess.Popen(
                [str(COMMAND), "engine", "--store", self.store, *options], cwd=self.folder, stdout=output,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1", MARK: self._scripts.mark},
            )  # fmt: skip
        self._engines.append(process)
        return process

    def said(self, number: int = 0) -> str:
        """What an engine has printed."""
        return (self.folder / f"engine-{number}.txt").read_text()

    def run(self, name: str) -> RunView:
        with reading(self.store) as reader:
            return reader.run(name, time.time())

    def began(self, name: str) -> None:
        eventually((self.folder / f"{name} began").exists, f"the work of {name}; {self._outputs()}")

    def reaches(self, name: str, state: str) -> None:
        eventually(lambda: self.run(name).state == state, f"{name}: {state}")

    def ends(self, engine: subprocess.Popen[str]) -> int:
        eventually(lambda: engine.poll() is not None, "the end of an engine")
        return engine.returncode

    def done(self) -> list[str]:
        """The steps that were performed, in that order."""
        file = self.folder / "done.txt"
        return file.read_text().split() if file.exists() else []

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def left_processes(self) -> list[int]:
        return self._scripts.left()

    def clean_up(self) -> None:
        for engine in self._engines:
            engine.kill()
            engine.wait()
        self._scripts.clean_up()

    def _outputs(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self.folder.glob("engine-*.txt")))


everywhere = pytest.mark.parametrize("site", SHARED, indirect=True)  #: on each kind of store that engines can share


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A place for engines, in a file unless the test says otherwise."""
    found = Site(tmp_path, KINDS[getattr(request, "param", "file")](tmp_path))
    yield found
    found.clean_up()
