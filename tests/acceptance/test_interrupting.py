"""Ctrl-C: what runs may finish, nothing starts, and the run can be continued or recovered."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash.processes import Scripts, eventually
from tests.crash.sabotage import rows, statuses

INTERRUPTED = """\
    import pathlib, sys, time
    import eventcore as evr

    folder = pathlib.Path(__file__).parent

    def first(folder):
        pathlib.Path(folder, "running").touch()
        while not pathlib.Path(folder, "go").exists():
            time.sleep(0.01)
        with open(pathlib.Path(folder, "log"), "a") as log:
            log.write("first\\n")

    def second(folder):
        with open(pathlib.Path(folder, "log"), "a") as log:
            log.write("second\\n")

    program = evr.Eventor("stopped", folder / "s.db", config={"console": False, "task_construct": sys.argv[1]})
    start, then = program.add_event("start"), program.add_event("then")
    program.add_assoc(start, program.add_step("first", first, args=(str(folder),),
                                              triggers={evr.StepStatus.success: [then]}))
    program.add_assoc(then, program.add_step("second", second, args=(str(folder),)))
    program.trigger_event(start, 1)
    print(program.run(run_mode=evr.RunMode(sys.argv[2])))
"""


@pytest.mark.parametrize("mode", ["recover", "continue"])
@pytest.mark.parametrize("executor", ["process", "thread"])
def test_an_interrupted_run_finishes_what_runs_and_starts_nothing(
    executor: str, mode: str, scripts: Scripts, tmp_path: Path
) -> None:
    script = scripts.write(INTERRUPTED)
    process = scripts.start(script, executor, "restart")
    eventually((tmp_path / "running").exists, "the first step")
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    (tmp_path / "go").touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == -signal.SIGINT
    assert "True" not in out
    assert "KeyboardInterrupt" in err or "Interrupted" in err
    assert (tmp_path / "log").read_text().split() == ["first"]
    assert statuses(tmp_path / "s.db") == {("first", "1"): "success", ("second", "1"): "ready"}
    assert rows(tmp_path / "s.db", "SELECT verdict FROM eventcore_recoveries") == [("pending",)]
    done = scripts.run(script, executor, mode)
    assert done.stdout.split() == ["True"], done.stderr
    assert (tmp_path / "log").read_text().split() == ["first", "second"]


def test_a_second_interrupt_ends_what_runs(scripts: Scripts, tmp_path: Path) -> None:
    script = scripts.write(INTERRUPTED)
    process = scripts.start(script, "process", "restart")
    eventually((tmp_path / "running").exists, "the first step")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGINT
    eventually(scripts.all_gone, "the end of the workers")
    (tmp_path / "go").touch()
    assert scripts.run(script, "process", "recover").stdout.split() == ["True"]
    assert (tmp_path / "log").read_text().split() == ["first", "second"]


@pytest.mark.parametrize("mode", ["recover", "continue"])
def test_sigterm_ends_the_engine_and_its_steps_at_once_and_the_run_goes_on_afterwards(
    mode: str, scripts: Scripts, tmp_path: Path
) -> None:
    script = scripts.write(INTERRUPTED)
    process = scripts.start(script, "process", "restart")
    eventually((tmp_path / "running").exists, "the first step")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == -signal.SIGTERM
    eventually(scripts.all_gone, "the end of the workers")
    (tmp_path / "go").touch()
    assert not (tmp_path / "log").exists()
    assert statuses(tmp_path / "s.db") == {("first", "1"): "active"}
    assert scripts.run(script, "process", mode).stdout.split() == ["True"]
    assert (tmp_path / "log").read_text().split() == ["first", "second"]


def test_ctrl_c_while_the_command_is_still_being_imported_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    program = "import sys; sys.path.insert(0, '.'); from sequent.cli import main; main(['runs'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "sequent: interrupted\n")
