"""Names with escape codes, line breaks and markup are shown as text, everywhere in the shell."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.test_shell import sequent

ODD = "\x1b[31m\n[bold]"
SHOWN = r"\x1b[31m\n[bold]"
FLOW = r"""
import sequent as seq

ODD = "\x1b[31m\n[bold]"

def bad(): raise ValueError("bad")

flow = seq.Sequent(f"flow{ODD}", "odd.db", config={"task_construct": "invoke"})
box = flow.add_step(f"box{ODD}", loop={f"key{ODD}": 1})
bad = box.add_step(f"bad{ODD}", bad)
box.add_step(f"then{ODD}", print, require=((bad, seq.STEP_SUCCESS),))
"""
STEP = f"box{SHOWN}/bad{SHOWN}"
INSTANCE = f"{STEP}@1.key{SHOWN} [key{SHOWN}: 1]"
AGAIN = f"sequent recover odd.db --run-id $'run{SHOWN}'"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a run that failed, and what it said."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "flow.py").write_text(FLOW)
    done = sequent(folder, "run", "flow.py", "--run-id", f"run{ODD}", code=1)
    return folder, done.stdout + done.stderr


def test_a_run_says_them_as_text(ran: tuple[Path, str]) -> None:
    said = ran[1]
    assert "\x1b" not in said
    assert f"failed: {INSTANCE}: ValueError: bad\nrun run{SHOWN}: failure\n" in said
    assert f"Exception in step {STEP}/1.key{SHOWN}, try 1" in said


@pytest.mark.parametrize(("command", "code", "found"), [
    ("status odd.db", 0, [f"flow{SHOWN}  run run{SHOWN}  failure", f"bad{SHOWN}  failure", f"@1.key{SHOWN} [key"]),
    ("runs odd.db", 0, [f"run{SHOWN}  flow{SHOWN}  failure"]),
    ("watch odd.db", 1, [f" run run{SHOWN}: failure", f" {STEP}: failure", f"run: {AGAIN}"]),
    ("recover --dry-run odd.db", 0, [f"of run run{SHOWN}, if", f"runs again               {STEP}   @1.key{SHOWN} ("]),
    ("logs --failed odd.db", 0, [f"==> {INSTANCE} (try 1, failure) <=="]),
    ("logs --engine odd.db", 0, [f"Exception in step {STEP}/1.key{SHOWN}, try 1"]),
    ("clean --keep 0 --dry-run odd.db", 0, [f"would delete  run{SHOWN}  flow{SHOWN}  failure"]),
    ("pause odd.db", 3, [f"in run run{SHOWN}: "]),
    ("why odd.db " + shlex.quote(f"box{ODD}/then{ODD}"), 0, [f"it requires {STEP} success, but {INSTANCE} failed"]),
])  # fmt: skip
def test_commands_say_them_as_text(command: str, code: int, found: list[str], ran: tuple[Path, str]) -> None:
    done = sequent(ran[0], *shlex.split(command), code=code)
    said = done.stdout + done.stderr
    assert "\x1b" not in said
    for part in found:
        assert part in said


def test_the_advice_can_be_given_to_a_shell(ran: tuple[Path, str]) -> None:
    assert AGAIN in ran[1]
    words = subprocess.run(["bash", "-c", f"printf '%s|' {AGAIN}"], capture_output=True, text=True, check=True).stdout
    assert words.split("|")[-2] == f"run{ODD}"


def test_so_can_the_way_to_what_a_command_printed(tmp_path: Path) -> None:
    (tmp_path / "make.py").write_text(
        f"import sequent as seq\nflow = seq.Sequent()\nflow.add_step({f'all{ODD}'!r}, seq.shell('echo no; exit 3'))\n"
    )
    sequent(tmp_path, "run", "-q", "make.py", "--run-id", f"run{ODD}", code=1)
    last = sequent(tmp_path, "why", "make.py", f"all{ODD}").stdout.splitlines()[-1]
    assert "\x1b" not in last
    command = last.partition("sequent ")[2]
    words = subprocess.run(["bash", "-c", f"printf '%s|' {command}"], capture_output=True, text=True, check=True).stdout
    assert "no\n" in sequent(tmp_path, *words.split("|")[:-1]).stdout


@pytest.mark.parametrize("verb", ["runs", "status"])
def test_names_are_shown_whatever_the_locale_can_encode(
    tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flow.py").write_text("import sequent as seq\nflow = seq.Sequent('größe')\nflow.add_step('größe')\n")
    sequent(tmp_path, "run", "-q", "flow.py")
    for name, value in {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    assert "größe" in sequent(tmp_path, verb, "flow.py").stdout
