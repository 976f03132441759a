"""`sequent submit`: runs that are recorded, read and steered before an engine begins them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import eventcore as evr
from tests.acceptance.sites import FLOW, Site, everywhere
from tests.acceptance.sites import site as site
from tests.acceptance.test_shell import one_line_error, sequent
from tests.commands import COMMAND
from tests.support import ROOT

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
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
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
