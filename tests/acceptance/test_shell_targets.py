"""Which program, store and run a target names."""

import subprocess
import sys
from pathlib import Path

import pytest

from sequent.cli.parameters import TargetError
from sequent.cli.target import load_program, parse_target
from tests.acceptance.test_shell import one_line_error, sequent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_name_in_a_file_means_the_latest_run_of_that_program(folder: Path) -> None:
    (folder / "two.py").write_text("""
import sequent as seq

first, second = seq.Sequent("first"), seq.Sequent("second")
for flow in (first, second):
    flow.add_step("only", print, args=(flow.name,))

if __name__ == "__main__":
    first.run(run_id="script-first")
    second.run(run_id="script-second")
""")
    subprocess.run([sys.executable, "two.py"], cwd=folder, check=True, capture_output=True)
    assert "run script-first " in sequent(folder, "status", "two.py:first").stdout
    sequent(folder, "run", "two.py:first", "--run-id", "shell-first")
    sequent(folder, "run", "two.py:second", "--run-id", "shell-second")
    assert "run shell-first " in sequent(folder, "status", "two.py:first").stdout
    assert "run shell-second " in sequent(folder, "status", "two.py").stdout
    assert "shell-first" in sequent(folder, "graph", "two.py:first").stdout
    assert "in run shell-first:" in sequent(folder, "pause", "two.py:first", code=3).stderr
    assert "run script-second " in sequent(folder, "status", "two.py:first", "--run-id", "script-second").stdout


RUNS = """
import subprocess
import sequent as seq

def later():
    first.run()

first = seq.Sequent("first", config={"task_construct": "invoke"})
first.add_step("only", print, args=("ran",))
if first:
    first.run()
else:
    first.run()
second = seq.Sequent("second")
SECOND
subprocess.run(["true"])
"""


def test_a_script_that_is_left_at_its_first_run_is_told_with_the_runs_that_follow(folder: Path) -> None:
    (folder / "two.py").write_text(RUNS.replace("SECOND", "ok = second.run() and first.run()"))
    said = sequent(folder, "run", "two.py", "--set", "logging_level=ERROR")
    assert said.stdout.splitlines()[0] == "ran"
    assert said.stderr == (
        "sequent: two.py is left at its first run, in line 11; not started: second.run() in line 15, first.run() in "
        "line 15; to run one of them, name its flow, as two.py:second\n"
    )
    assert "is left at" not in sequent(folder, "status", "two.py").stderr
    assert "is left at" not in sequent(folder, "run", "two.py:first").stderr


def test_a_name_in_a_file_means_that_flow_also_where_the_file_runs_another_one(folder: Path) -> None:
    made = 'second = seq.Sequent("second")'
    (folder / "two.py").write_text(RUNS.replace(made, "").replace("if first:", f"{made}\nif first:"))
    sequent(folder, "run", "two.py:second", "--run-id", "named")
    assert sequent(folder, "status", "two.run.db").stdout.startswith("second  run named")
    (folder / "two.py").write_text(RUNS)
    said = one_line_error(folder, "run", "two.py:second")
    assert "two.py:second: the file runs another flow in line 11, before it comes to 'second'; put its runs" in said


def test_a_function_that_may_build_a_flow_is_named_though_it_does_not_say_so(folder: Path) -> None:
    (folder / "fn.py").write_text("""
import sequent as seq

def helper(): return 1

def build(day: int, table="orders"):
    flow = seq.Sequent("built")
    flow.add_step("only", print, args=(day, table))
    return flow
""")
    said = one_line_error(folder, "run", "fn.py")
    assert said == "sequent: fn.py has no flow until a function builds one; name the function: fn.py:build"
    assert sequent(folder, "run", "fn.py:build", "--param", "day=7").stdout.startswith("7 orders\n")


@pytest.mark.parametrize("verb", ["runs", "serve"])
def test_where_a_folder_can_be_named_the_message_says_so(folder: Path, verb: str) -> None:
    said = one_line_error(folder, verb, "nope.x")
    assert said.startswith("sequent: 'nope.x' is not a file or a folder; ")
    assert said.endswith(", a store or a folder of stores")
    assert "folder" not in one_line_error(folder, "status", "nope")


def test_a_script_with_one_run_is_told_nothing(folder: Path) -> None:
    (folder / "one.py").write_text(RUNS.replace("SECOND", ""))
    assert sequent(folder, "run", "one.py", "--set", "logging_level=ERROR").stderr == ""


def test_a_run_in_a_store_named_by_a_url_is_found_again_as_the_advice_says(folder: Path) -> None:
    (folder / "down").touch()
    (folder / "needs.py").write_text("""
import os
import sequent as seq

def send(region):
    if os.path.exists("down"):
        raise ConnectionError(region)
    print("sent", region)

def build(region: str) -> seq.Sequent:
    flow = seq.Sequent("needs")
    flow.add_step("send", send, args=(region,))
    return flow
""")
    url = f"sqlite:///{folder}/named.db"
    failed = sequent(folder, "run", "needs.py:build", "--param", "region=north", "--store", url, code=1)
    advice = failed.stdout.splitlines()[-1].partition("then run: sequent ")[2].split()
    assert advice[:2] == ["recover", url]
    (folder / "down").unlink()
    assert "run again: 1" in sequent(folder, "recover", "needs.py:build", "--store", url, "--dry-run").stdout
    assert "sent north" in sequent(folder, *advice).stdout
    assert "no store at" in one_line_error(folder, "status", f"sqlite:///{folder}/other.db")
    assert "in memory" in one_line_error(folder, "status", "sqlite://")


def test_the_run_of_a_program_that_names_its_store_by_a_url_is_drawn(folder: Path) -> None:
    url = f"sqlite:///{folder}/named.db"
    (folder / "named.py").write_text(
        f"import sequent as seq\nflow = seq.Sequent('flow', {url!r})\nflow.add_step('a')\n"
    )
    assert "success" not in sequent(folder, "graph", "named.py").stdout
    sequent(folder, "run", "-q", "named.py")
    assert "success" in sequent(folder, "graph", "named.py").stdout


def test_a_store_that_only_the_parameters_would_tell_is_asked_for(folder: Path) -> None:
    (folder / "parted.py").write_text("""
import sequent as seq

def build(region: str) -> seq.Sequent:
    return seq.Sequent(f"load-{region}", store=f"{region}.db")
""")
    error = one_line_error(folder, "status", "parted.py:build")
    assert "name the store of its runs instead" in error
    assert "--param" not in error


@pytest.mark.parametrize("guard", ["if __name__ == '__main__':\n    ", ""])
def test_parameters_of_a_script_that_runs_its_flow_are_refused(folder: Path, guard: str) -> None:
    (folder / "ready.py").write_text(f"import sequent as seq\nflow = seq.Sequent()\n{guard}flow.run()\n")
    error = one_line_error(folder, "run", "ready.py", "--param", "day=2")
    assert error == "sequent: ready.py is a flow already and takes no --param; name a function that builds one"
    assert not (folder / "ready.run.db").exists()


FLOW = "import sequent as seq\nflow = seq.Sequent()\n"
BUILD = "import sequent as seq\ndef build(day: int = 1) -> seq.Sequent:\n    return seq.Sequent()\n"


@pytest.mark.parametrize(
    ("source", "parameters", "said"),
    [
        (FLOW, ["a=1"], "odd.py: 'flow' is a flow already and takes no --param; name a function that builds one"),
        (FLOW + BUILD, ["day=1"], "'flow' is a flow already and takes no --param; name a function that builds one: "
                                  "odd.py:build"),
        (BUILD, [], "odd.py has no flow until a function builds one; name the function: odd.py:build"),
        (FLOW + "other = seq.Sequent()\n", [], "odd.py has several flows; name one: odd.py:flow or odd.py:other"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_say_which_flow_is_answered_with_what_to_name(
    tmp_path: Path, source: str, parameters: list[str], said: str
) -> None:
    (tmp_path / "odd.py").write_text(source)
    with pytest.raises(TargetError) as refused:
        load_program(parse_target(str(tmp_path / "odd.py")), dict(text.split("=", 1) for text in parameters))
    assert str(refused.value).replace(f"{tmp_path}/", "").endswith(said)


def test_a_name_that_is_left_out_is_none(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(FLOW)
    assert parse_target(f"{tmp_path}/odd.py:") == parse_target(f"{tmp_path}/odd.py")
    with pytest.raises(TargetError, match="is not a file"):
        parse_target("package.module:")


@pytest.mark.parametrize("verb", ["runs", "serve", "status"])
def test_a_text_too_long_for_a_path_is_no_target(tmp_path: Path, verb: str) -> None:
    assert "is not a file" in one_line_error(tmp_path, verb, "x" * 300)


@pytest.mark.parametrize("command", ["run", "status", "check", "graph", "run --detach"])
def test_a_file_whose_code_fails_is_said_in_one_line_with_the_place(folder: Path, command: str) -> None:
    (folder / "bad.py").write_text("import sequent\nimport no_such_module\n")
    said = one_line_error(folder, *command.split(), "bad.py")
    reason = "ModuleNotFoundError: No module named 'no_such_module' (bad.py, line 2)"
    assert said == f"sequent: bad.py cannot be loaded: {reason}"


@pytest.mark.parametrize("target", ["deep.py", "deep.py:build"])
def test_the_way_to_an_error_in_the_users_own_code_is_shown(folder: Path, target: str) -> None:
    (folder / "deep.py").write_text("""
def build():
    raise LookupError('mine')
if __name__ == "__main__":
    build()
""")
    *way, last = sequent(folder, "run", target, code=2).stderr.splitlines()
    assert last == f"sequent: {target} cannot be loaded: LookupError: mine (deep.py, line 3)"
    if target == "deep.py":
        assert way[:2] == ["Traceback (most recent call last):", '  File "deep.py", line 5, in <module>']
        assert way[-1] == "LookupError: mine"
    else:
        assert way == []
