"""`sequent submit` and `sequent engine`: runs that are recorded first, and worked off by whichever engine is there."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

import eventcore as evr
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from tests.acceptance.test_shell import one_line_error, sequent
from tests.commands import COMMAND
from tests.crash.processes import MARK, Scripts, eventually
from tests.eventcore.record.places import KINDS, SHARED
from tests.servers.served import server
from tests.servers.software import USER

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

def row(name: str, length: int = 5) -> seq.Sequent:
    flow = seq.Sequent("row", config={"logdir": str(HERE / "logs")})
    each = flow.add_step("each", loop=range(length))
    each.add_step("note", lambda item: note(f"{name}.{item}"), args=(each.item,))
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
        parameters = ["--param", f"name={name}"] if target.endswith(("build", "row")) else []
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


# submitting


@everywhere
def test_a_submitted_run_waits_for_an_engine_and_is_run_by_it(site: Site) -> None:
    site.submit("one")
    assert (site.run("one").state, site.run("one").holder) == ("submitted", None)
    assert site.ends(site.engine("--once")) == 0
    assert (site.run("one").state, site.done()) == ("success", ["one"])
    assert site.run("one").parameters == {"name": "one"}


def test_json_says_what_was_submitted_and_wait_returns_the_exit_code_of_the_run(site: Site) -> None:
    site.engine()
    done = sequent(site.folder, "submit", "flow.py:failing", "--store", site.store, "--run-id", "f", "--wait", "--json",
                   code=1)  # fmt: skip
    assert '"run_id": "f"' in done.stdout
    assert '"state": "failure"' in done.stdout


def test_settings_are_recorded_and_hold_wherever_the_run_begins(site: Site) -> None:
    site.submit("one", "--set", "logdir=elsewhere", "--set", "max_concurrent=3")
    assert site.run("one").origin["settings"] == {"logdir": "elsewhere", "max_concurrent": 3}
    assert site.ends(site.engine("--once")) == 0
    assert (site.folder / "elsewhere").is_dir()
    assert not (site.folder / "logs").exists()


@everywhere
def test_an_id_that_is_taken_is_refused(site: Site) -> None:
    site.submit("one")
    options = ("--store", site.store, "--run-id", "one", "--param", "name=two")
    assert "already has a run 'one'" in one_line_error(site.folder, "submit", "flow.py:build", *options)


def test_a_run_in_memory_cannot_be_submitted(tmp_path: Path) -> None:
    (tmp_path / "flow.py").write_text(FLOW)
    assert "is in memory" in one_line_error(tmp_path, "submit", "flow.py:failing", "--store", ":memory:")


def test_a_program_that_is_in_no_file_cannot_be_submitted(tmp_path: Path) -> None:
    code = "import sequent as s; from eventcore.run.submitting import submit; "
    code += "f = s.Sequent('f', store='runs.db'); f.add_step('a', print); submit(f)"
    done = subprocess.run(["python", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "program 'f' cannot be submitted: it is defined in no file" in done.stderr
    assert not (tmp_path / "runs.db").exists()


def test_a_script_is_loaded_from_its_path_as_far_as_its_first_run(site: Site) -> None:
    script = (
        FLOW + "\nif __name__ == '__main__':\n    build('scripted').run(background=True)\n    note('not reached')\n"
    )
    (site.folder / "script.py").write_text(script)
    site.submit("one", target="script.py")
    assert site.run("one").origin["target"] == str(site.folder / "script.py")
    assert site.ends(site.engine("--once")) == 0
    assert site.done() == ["scripted"]


def test_what_waits_is_shown_and_watched_until_it_is_over(site: Site) -> None:
    site.submit("one")
    of_it = (site.store, "--run-id", "one")
    assert "work  waiting" in sequent(site.folder, "status", *of_it).stdout
    said = "the run has not begun; it waits for an engine; to begin it here instead, run: sequent continue "
    assert said in sequent(site.folder, "why", site.store, "work", "--run-id", "one").stdout
    watching = subprocess.Popen(
        [str(COMMAND), "watch", *of_it], cwd=site.folder, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert watching.stdout is not None
    assert "run one: submitted" in watching.stdout.readline()
    site.engine("--once")
    out, _ = watching.communicate()
    assert out.splitlines()[-1] == "run one: success"
    assert watching.returncode == 0


# steering what waits


@everywhere
def test_a_submitted_run_is_cancelled_at_once(site: Site) -> None:
    site.submit("one")
    assert evr.steer(site.store, "one").cancel().is_done
    assert site.run("one").state == "cancelled"
    assert site.ends(site.engine("--once")) == 0
    assert site.done() == []


@everywhere
def test_a_paused_run_is_taken_up_when_it_is_resumed(site: Site) -> None:
    site.submit("one")
    assert evr.steer(site.store, "one").pause().is_done
    assert site.run("one").state == "paused"
    assert site.ends(site.engine("--once")) == 0
    assert site.run("one").state == "paused"
    assert evr.steer(site.store, "one").resume().is_done
    assert site.ends(site.engine("--once")) == 0
    assert site.run("one").state == "success"


@pytest.mark.parametrize("verb", ["continue", "recover"])
def test_by_hand_a_submitted_run_is_begun(site: Site, verb: str) -> None:
    site.submit("one")
    done = sequent(site.folder, verb, "-q", "flow.py:build", "--store", site.store, "--run-id", "one")
    assert done.returncode == 0, done.stderr
    run = site.run("one")
    assert (run.state, run.recovery, run.is_mixed, site.done()) == ("success", 0, False, ["one"])


@everywhere
def test_a_rerun_that_is_requested_of_a_run_that_is_over_is_done_by_an_engine(site: Site) -> None:
    site.submit("one")
    assert site.ends(site.engine("--once")) == 0
    done = sequent(site.folder, "rerun", site.store, "work", "--run-id", "one")
    assert done.stdout.startswith("rerun: taken for run one"), done.stderr
    assert site.ends(site.engine("--once")) == 0
    assert (site.run("one").recovery, site.run("one").state, site.done()) == (1, "success", ["one", "one"])


@everywhere
def test_a_run_is_read_and_steered_wherever_its_store_can_be_reached(site: Site) -> None:
    site.submit("one")
    (site.folder / "flow.py").unlink()  # no verb but those that run it needs the program
    for verb in (("status",), ("why", "work"), ("logs", "--engine"), ("pause",), ("cancel",)):
        sequent(site.folder, verb[0], site.store, *verb[1:], "--run-id", "one", code=3 if verb[0] == "logs" else 0)
    assert site.run("one").state == "cancelled"
    assert sequent(site.folder, "runs", site.store).stdout.splitlines()[1].split()[:3] == ["one", "work", "cancelled"]
    sequent(site.folder, "clean", site.store, "--keep", "0")
    assert "no runs" in sequent(site.folder, "runs", site.store, code=3).stderr


# several engines


@everywhere
@pytest.mark.parametrize("engines", [2, 8])
def test_engines_share_the_runs_and_each_is_run_once(site: Site, engines: int) -> None:
    names = [f"run{number}" for number in range(2 * engines)]
    for name in names[:engines]:  # they end only once all of them are at work, which takes every engine
        site.submit(name, "--param", f"together={engines}")
    for name in names[engines:]:
        site.submit(name)
    started = [site.engine("--slots", "1", "--once") for _ in range(engines)]
    assert [site.ends(engine) for engine in started] == [0] * engines
    assert {site.run(name).state for name in names} == {"success"}
    assert Counter(site.done()) == Counter(names)


@everywhere
def test_the_oldest_run_is_taken_up_first(site: Site) -> None:
    for name in ("c", "a", "b"):
        site.submit(name)
    assert site.ends(site.engine("--slots", "1", "--once")) == 0
    assert site.done() == ["c", "a", "b"]


def test_an_engine_works_off_the_programs_that_it_is_given(site: Site) -> None:
    site.submit("one")
    site.submit("two", target="flow.py:failing")
    assert site.ends(site.engine("--programs", "failing", "--once")) == 0
    assert (site.run("one").state, site.run("two").state) == ("submitted", "failure")


@everywhere
def test_the_runs_of_a_killed_engine_are_adopted(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    first = site.engine()
    site.began("one")
    (site.folder / "one began").unlink()
    first.kill()
    first.wait()
    eventually(lambda: not site.left_processes(), "the end of what the engine had started")
    site.engine()
    site.began("one")
    site.open_gate()
    site.reaches("one", "success")
    assert (site.run("one").recovery, site.done()) == (0, ["one"])


@everywhere
def test_of_eight_engines_three_are_killed_and_no_task_is_repeated_but_those_in_flight(site: Site) -> None:
    names = [f"run{number}" for number in range(16)]
    for name in names:
        site.submit(name, target="flow.py:row")
    engines = [site.engine("--slots", "1", "--once") for _ in range(8)]
    for number, engine in enumerate(engines[:3], 1):
        eventually(lambda so_far=15 * number: len(site.done()) >= so_far, "some of the work")  # type: ignore[misc]
        engine.kill()
    assert [site.ends(engine) for engine in engines[3:]] == [0] * 5
    left = site.engine("--once")  # what the last one killed had
    assert site.ends(left) == 0
    assert {site.run(name).state for name in names} == {"success"}
    counts = Counter(site.done())
    assert counts.keys() == {f"{name}.{item}" for name in names for item in range(5)}
    assert sum(counts.values()) <= len(counts) + 3


def test_a_run_that_was_started_by_hand_is_not_adopted(site: Site) -> None:
    parameters = ("--param", "name=one", "--param", "gate=yes")
    arguments = ["run", "-q", "flow.py:build", "--store", site.store, "--run-id", "one", *parameters]
    by_hand = subprocess.Popen([str(COMMAND), *arguments], cwd=site.folder)
    site.began("one")
    by_hand.kill()
    by_hand.wait()
    assert site.ends(site.engine("--once")) == 0
    assert site.run("one").state == "interrupted"


def test_no_process_has_the_store_on_its_command_line(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    engine = site.engine()
    site.began("one")
    others = [pid for pid in site.left_processes() if pid != engine.pid]
    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in others]
    assert len(lines) >= 2
    assert not [line for line in lines if site.store in line]
    assert str(engine.pid) not in (site.run("one").holder or "")
    site.open_gate()
    site.reaches("one", "success")


# the end of an engine


def test_sigterm_lets_runs_end_and_takes_up_no_new_one(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    engine = site.engine("--slots", "2")
    site.began("one")
    engine.send_signal(signal.SIGTERM)
    eventually(lambda: "SIGTERM: no new runs; 1 in progress" in site.said(), "the signal")
    site.submit("two")
    site.open_gate()
    assert site.ends(engine) == 0
    assert (site.run("one").state, site.run("two").state) == ("success", "submitted")


@everywhere
def test_after_sigterm_a_run_that_waits_for_a_delay_is_left_to_others(site: Site) -> None:
    site.submit("one", "--param", "late=yes")
    engine = site.engine()
    eventually(lambda: site.done() == ["one"], "the work of one")
    engine.send_signal(signal.SIGTERM)
    assert site.ends(engine) == 0
    assert site.run("one").state == "pending"
    site.engine()
    site.reaches("one", "running")


def test_a_second_sigterm_interrupts_the_runs_and_others_adopt_them(site: Site) -> None:
    site.submit("one", "--param", "gate=yes", "--param", "late=yes")
    engine = site.engine()
    site.began("one")
    engine.send_signal(signal.SIGTERM)
    eventually(lambda: "SIGTERM: no new runs" in site.said(), "the signal")
    engine.send_signal(signal.SIGTERM)
    eventually(lambda: "its runs are interrupted" in site.said(), "the second signal")
    site.open_gate()
    assert site.ends(engine) == 1
    assert site.run("one").state == "pending"
    site.engine()
    site.reaches("one", "running")


def test_ctrl_c_twice_kills_what_does_not_end(site: Site) -> None:
    site.submit("one", "--param", "gate=yes")
    engine = site.engine()
    site.began("one")
    engine.send_signal(signal.SIGINT)
    eventually(lambda: "SIGINT: its runs are interrupted" in site.said(), "the signal")
    engine.send_signal(signal.SIGINT)
    assert site.ends(engine) == 1
    eventually(lambda: not site.left_processes(), "the end of what the engine had started")
    assert site.run("one").state == "interrupted"


# what an engine cannot run


def test_a_program_that_differs_is_left_and_tried_again_when_its_file_changes(site: Site) -> None:
    site.submit("one")
    other = FLOW.replace('flow.add_step("work"', 'flow.add_step("play"')
    (site.folder / "flow.py").write_text(other)
    site.engine()
    told = "left to other engines: its program is another one here than was submitted: added: play; removed: work"
    eventually(lambda: f"run one of program work: {told}" in site.said(), "the refusal")
    assert (site.run("one").state, site.run("one").holder) == ("submitted", None)
    site.submit("two")  # is its own
    site.reaches("two", "success")
    assert site.said().count("left to other engines") == 1
    (site.folder / "flow.py").write_text(FLOW)
    site.reaches("one", "success")


def test_a_module_that_is_not_here_is_left_to_an_engine_that_has_it(site: Site) -> None:
    there = site.folder / "there"
    there.mkdir()
    (there / "elsewhere.py").write_text(FLOW)
    done = sequent(there, "submit", "elsewhere:failing", "--store", str(site.store), "--run-id", "one")
    assert done.returncode == 0, done.stderr
    assert site.ends(site.engine("--once")) == 0
    assert "left to other engines: module elsewhere cannot be imported" in site.said()
    assert site.run("one").state == "submitted"


def test_a_run_whose_processes_die_is_left_after_some_and_others_go_on(site: Site) -> None:
    site.submit("one", target="flow.py:dying")
    site.submit("two")
    assert site.ends(site.engine("--once")) == 0
    assert site.said().count("its process died (signal SIGKILL)") == 3
    assert "left to other engines, as 3 processes have come to that here" in site.said()
    assert (site.run("one").state, site.run("two").state) == ("interrupted", "success")


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_an_engine_goes_on_after_its_database_was_away(tmp_path: Path, kind: str) -> None:
    with server(kind) as database:
        name = {"postgresql": "postgres", "mariadb": "runs"}[kind]
        if kind == "mariadb":
            with pymysql.connect(host="127.0.0.1", port=database.port, user=USER, ssl_disabled=True) as connection:
                connection.cursor().execute(f"CREATE DATABASE {name}")
        site = Site(tmp_path, f"{kind}://{USER}@127.0.0.1:{database.port}/{name}")
        try:
            engine = site.engine()
            site.submit("one")
            site.reaches("one", "success")
            database.kill()
            eventually(lambda: "the store cannot be reached, and is tried again" in site.said(), "the outage")
            database.start()
            site.submit("two")
            site.reaches("two", "success")
            assert site.said().count("cannot be reached") == site.said().count("can be reached again") == 1
            assert engine.poll() is None
        finally:
            site.clean_up()
