"""Where a step's words go: its own log file, and the console as the first Eventor wrote it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from eventcore.act.steplog import LogFolder
from tests.support import run_script

PROGRAM = """
    import logging, subprocess, sys
    import eventcore as evr

    logger = logging.getLogger(__name__)

    def talks():
        logger.info("logged %s", "here")
        logger.debug("not wanted")
        print("printed")
        print("an error", file=sys.stderr)
        subprocess.run(["sh", "-c", "echo from a program; echo its error >&2"], check=True)
        sys.stdout.flush()

    def silent():
        pass

    def again():
        print("try", evr.current().try_number)
        if evr.current().try_number == 1:
            raise ValueError("once")

    level = sys.argv[2] if len(sys.argv) > 2 else "INFO"
    ev = evr.Eventor("my program", "run.db", run_id="my run", logging_level=level,
                     config={"logdir": "logs", "task_construct": sys.argv[1], "retries": 1})
    e = ev.add_event("e")
    ev.add_assoc(e, ev.add_step("talks", talks), ev.add_step("silent", silent), ev.add_step("in/a folder?", again))
    ev.trigger_event(e, "1.2")
    ev.run()
    if "recover" in sys.argv:
        ev.run(run_mode=evr.RunMode.recover)
"""

FOLDER = Path("logs/my program/my run")


@dataclass(frozen=True)
class Ran:
    """What a run of the program left."""

    folder: Path
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """The program, run once with each construct."""

    @cache
    def run(construct: str) -> Ran:
        folder = tmp_path_factory.mktemp(construct)
        done = run_script(PROGRAM, folder, construct)
        return Ran(folder / FOLDER, done)

    return run


def said(path: Path) -> list[str]:
    """The lines of a log, its log lines without their times."""
    return [re.sub(r"^\[ [-\d,:.]+ \]", "[ time ]", line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("construct", ["process", "thread", "invoke"])
def test_what_a_step_logs_and_prints_is_in_its_file(ran: Callable[[str], Ran], construct: str) -> None:
    lines = said(ran(construct).folder / "talks@1.2.1.log")
    assert lines[0] == "[ time ][ Task-talks(1.2) ][ INFO    ][ logged here ]"
    assert lines[1:3] == ["printed", "an error"]
    assert lines[3:] == (["from a program", "its error"] if construct == "process" else [])


def test_a_file_is_named_after_step_sequence_and_try(ran: Callable[[str], Ran]) -> None:
    folder = ran("thread").folder
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*@*.log"))
    assert found == ["in/a folder%3F@1.2.1.log", "in/a folder%3F@1.2.2.log", "talks@1.2.1.log"]
    assert said(folder / "in/a folder%3F@1.2.2.log") == ["try 2"]


@pytest.mark.parametrize("construct", ["process", "invoke"])
def test_a_step_that_says_nothing_leaves_no_file(ran: Callable[[str], Ran], construct: str) -> None:
    assert not list(ran(construct).folder.glob("silent*"))


def test_records_below_the_level_are_dropped_and_at_debug_kept(tmp_path: Path) -> None:
    run_script(PROGRAM, tmp_path, "process", "DEBUG")
    assert "[ time ][ Task-talks(1.2) ][ DEBUG   ][ not wanted ]" in said(tmp_path / FOLDER / "talks@1.2.1.log")


CONSOLE = [
    "[ MainProcess ][ INFO    ][ Eventor store file: run.db ]",
    "[ Task-talks(1.2) ][ INFO    ][ [ Step talks/1.2 ] Trying to run ]",
    "[ Task-talks(1.2) ][ INFO    ][ logged here ]",
    "[ Task-talks(1.2) ][ INFO    ][ [ Step talks/1.2 ] Completed, status: TaskStatus.success ]",
]


@pytest.mark.parametrize("construct", ["process", "thread", "invoke"])
def test_the_console_shows_what_the_seed_shows(ran: Callable[[str], Ran], construct: str) -> None:
    done = ran(construct).done
    lines = done.stderr.splitlines()
    logged = [line.partition(" ]")[2] for line in lines if line.startswith("[ 2")]
    assert [line for line in logged if line in CONSOLE] == CONSOLE
    assert logged[-1] == "[ MainProcess ][ INFO    ][ Processing finished with: success; outstanding tasks: 0 ]"
    assert re.match(r"\[ \d{4}-\d\d-\d\d,\d\d:\d\d:\d\d\.\d{6} \]\[ ", lines[0])
    assert done.stdout.splitlines().count("printed") == 1
    assert lines.count("an error") == 1
    assert (done.stdout + done.stderr).count("from a program") == 1


def test_a_failure_is_shown_with_its_traceback_on_the_console(tmp_path: Path) -> None:
    done = run_script(PROGRAM.replace('"retries": 1', '"retries": 0'), tmp_path, "thread")
    assert "[ ERROR   ][ Exception in step in/a folder?/1.2, try 1: ValueError: once" in done.stderr
    assert 'script.py", line' in done.stderr


def test_a_try_that_another_one_follows_is_a_warning_without_its_traceback(ran: Callable[[str], Ran]) -> None:
    done = ran("thread").done
    said = "[ WARNING ][ Exception in step in/a folder?/1.2, try 1: ValueError: once; try 2 in 0 s ]"
    assert said in done.stderr
    assert 'script.py", line' not in done.stderr


def test_the_console_can_be_kept_quiet_and_the_files_are_still_written(tmp_path: Path) -> None:
    done = run_script(PROGRAM.replace('"retries": 1', '"retries": 1, "console": False'), tmp_path, "process")
    assert "logged here" not in done.stderr
    assert "logged here" in (tmp_path / FOLDER / "talks@1.2.1.log").read_text()


def test_a_program_that_configured_logging_keeps_it(tmp_path: Path) -> None:
    own = 'logging.basicConfig(format="mine: %(message)s", level="INFO")'
    source = PROGRAM.replace("    logger = ", f"    {own}\n    logger = ")
    done = run_script(source, tmp_path, "thread")
    assert "mine: logged here" in done.stderr
    assert "][ logged here ]" not in done.stderr
    assert "logged here" in (tmp_path / FOLDER / "talks@1.2.1.log").read_text()


def test_long_names_get_files_of_their_own_that_a_file_system_can_hold() -> None:
    folder = LogFolder("/logs", "program", "run")
    long = "long" * 100
    files = {folder.file(step, sequence, 12, 34) for step in (f"{long}1", f"ü{long}") for sequence in ("1", long)}
    assert len(files) == 4
    assert all(len(Path(file).name) <= 255 for file in files)


def test_a_recoverys_logs_stand_beside_the_first_runs(tmp_path: Path) -> None:
    source = PROGRAM.replace('raise ValueError("once")', 'raise ValueError("always")').replace("== 1:", ">= 1:")
    run_script(source, tmp_path, "thread", "INFO", "recover")
    names = {path.name for path in (tmp_path / FOLDER).rglob("*.log")}
    assert {"a folder%3F@1.2.1.log", "a folder%3F@1.2.r1.1.log"} <= names


def test_a_log_that_cannot_be_written_costs_no_step(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    done = run_script(PROGRAM, tmp_path, "process")
    assert "Processing finished with: success" in done.stderr
    assert "cannot be written" in done.stderr


def test_a_step_may_use_the_streams_as_python_has_them(tmp_path: Path) -> None:
    done = run_script("""
        import sys
        import eventcore as evr

        def uses():
            sys.stdout.buffer.write(b"bytes\\n")
            sys.stdout.flush()
            assert sys.stdout.encoding and sys.stdout.errors
            sys.stdout.isatty(), sys.stdout.fileno(), sys.stdout.writelines(["lines\\n"])

        for construct in ("process", "thread", "invoke"):
            ev = evr.Eventor(store=":memory:", logging_level="ERROR", config={"task_construct": construct})
            e = ev.add_event("e")
            ev.add_assoc(e, ev.add_step("s", uses))
            ev.trigger_event(e, 1)
            assert ev.run()
        """, tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["bytes"] * 3 + ["lines"] * 3
