"""Output that cannot be written: a reader that has gone, a full disk, no console at all. No step fails by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, rows, run_script

FLOW = """\
    import subprocess, sys
    import sequent as seq

    def work():
        for number in range(20_000):
            print("line", number)
        if "CONSTRUCT" == "process":  # else the program has the console itself
            subprocess.run(["sh", "-c", "echo from a program"], check=True)
        print("more", file=sys.stderr)
        sys.stdout.flush()

    def fails():
        raise ValueError("no")

    flow = seq.Sequent("flow", config={"logdir": "logs", "task_construct": "CONSTRUCT"})
    flow.add_step("work", work)
    flow.add_step("then", fails if "FAILS" == "yes" else work)
    flow.run()
"""


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which SEQUENT is the command; returns what the first of a pipe returned."""
    command = command.replace("SEQUENT", f"{sys.executable} -W error -m sequent_command")
    (folder / "sequent_command.py").write_text("from sequent.cli.command import main\nmain()\n")
    return subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{folder}"}, timeout=600,
    )  # fmt: skip


def written(folder: Path, construct: str, fails: str = "no") -> None:
    (folder / "flow.py").write_text(
        "\n".join(line[4:] for line in FLOW.replace("CONSTRUCT", construct).replace("FAILS", fails).split("\n"))
    )


def statuses(folder: Path) -> set[str]:
    return {status for (status,) in rows(folder / "flow.run.db", "select status from {tasks}")}


@pytest.mark.parametrize("construct", ["process", "invoke"])
@pytest.mark.parametrize("lost", ["2>/dev/null | head -1", "2>&1 | head -1", ">/dev/full 2>&1", ">&- 2>&-", "<&- >&-"])
def test_a_run_goes_on_when_nobody_can_read_what_it_says(tmp_path: Path, construct: str, lost: str) -> None:
    written(tmp_path, construct)
    done = shell(f"SEQUENT run flow.py {lost}", tmp_path)
    assert done.returncode == 0
    assert "Error" not in done.stderr + done.stdout
    assert statuses(tmp_path) == {"success"}
    [log] = (tmp_path / "logs").rglob("work@1.1.log")
    assert log.read_text().startswith("line 0\n")
    assert len(log.read_text().splitlines()) == (20_002 if construct == "process" else 20_001)


def test_a_run_that_fails_says_so_by_its_exit_code_though_nobody_reads_it(tmp_path: Path) -> None:
    written(tmp_path, "process", fails="yes")
    assert shell("SEQUENT run flow.py 2>&1 | head -1", tmp_path).returncode == 1


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a flow that has run."""
    folder = tmp_path_factory.mktemp("stored")
    written(folder, "invoke")
    assert shell("SEQUENT run flow.py >/dev/null", folder).returncode == 0
    return folder


@pytest.mark.parametrize("verb", ["runs", "status", "logs", "why"])
def test_a_verb_whose_reader_goes_ends_without_a_word(stored: Path, verb: str) -> None:
    path = "work" if verb == "why" else ""
    done = shell(f"SEQUENT {verb} flow.py {path} | head -1", stored)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("verb", ["runs", "status", "logs", "status --json", "serve"])
def test_a_verb_whose_output_has_no_room_says_so_in_one_line(stored: Path, verb: str) -> None:
    done = shell(f"SEQUENT {verb} flow.py >/dev/full", stored)
    assert (done.returncode, done.stderr) == (1, "sequent: the output: No space left on device\n")


def test_a_verb_without_standard_output_does_its_work(stored: Path) -> None:
    assert shell("SEQUENT status flow.py >&-", stored).returncode == 0


def test_files_that_cannot_be_written_are_one_line(stored: Path) -> None:
    done = shell("SEQUENT report flow.py -o /dev/full", stored)
    assert done.returncode in (1, 2)
    assert len(done.stderr.splitlines()) == 1
    assert "No space left" in done.stderr


# logs


@pytest.mark.parametrize("construct", ["invoke", "thread", "process"])
def test_a_log_that_the_disk_has_no_room_for_costs_no_step(tmp_path: Path, construct: str) -> None:
    done = run_script("""
        import resource, signal, sys, threading
        import eventcore as evr

        def work():
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
            for number in range(20):
                print("x" * 10_000)

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        ev = evr.Eventor(store=":memory:", config={"logdir": "logs", "task_construct": sys.argv[1]})
        event = ev.add_event("e")
        ev.add_assoc(event, ev.add_step("s", work), ev.add_step("t", work))
        ev.trigger_event(event, 1)
        print(ev.run())
        """, tmp_path, construct)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "True"
    assert done.stdout.count("x" * 10_000) == 40
    assert done.stderr.count("cannot be written") == 1
    assert [log.stat().st_size for log in (tmp_path / "logs").rglob("*@*.log")] == [100_000, 100_000]


def test_a_gigabyte_that_a_step_prints_costs_its_worker_next_to_nothing(tmp_path: Path) -> None:
    done = run_script("""
        import os, resource, subprocess
        import eventcore as evr

        def prints():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            line = "x" * 1023
            for _ in range(50):
                for _ in range(1024):
                    print(line)
                subprocess.run(["true"])
            print("y" * (50 << 20))
            subprocess.run(["head", "-c", str(100 << 20), "/dev/zero"])
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

        def grown():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        ev = evr.Eventor(store="s.db", config={"logdir": "logs", "logging_level": "ERROR"})
        event, then = ev.add_event("e"), ev.add_event("then")
        step = ev.add_step("s", prints, triggers={evr.StepStatus.success: [then]})
        ev.add_assoc(event, step)
        ev.add_assoc(then, ev.add_step("t", grown))
        ev.trigger_event(event, 1)
        assert ev.run()
        """, tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    grown, after = (int(value) for (value,) in rows(tmp_path / "s.db", "select value from {results} order by step"))
    assert grown < 80_000  # kilobytes: the text that it printed at once is its own
    assert after < 200_000


@pytest.mark.parametrize("construct", ["process", "invoke"])
def test_no_step_fails_by_a_character_that_the_console_cannot_show(tmp_path: Path, construct: str) -> None:
    flow = f"""\
    import sequent as seq
    flow = seq.Sequent("flow", config={{"logdir": "logs", "task_construct": "{construct}"}})
    flow.add_step("work", print, args=("caf\u00e9 \u20ac \\udc80",))
    flow.run()
    """
    (tmp_path / "flow.py").write_text("\n".join(line[4:] for line in flow.split("\n")))
    done = shell("PYTHONIOENCODING=latin-1 SEQUENT run -q flow.py | iconv -f latin1 -t utf8", tmp_path)
    assert done.stdout.startswith("caf\u00e9 \\u20ac \\udc80\n")
    assert statuses(tmp_path) == {"success"}
