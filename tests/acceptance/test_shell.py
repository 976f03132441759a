"""The shell command, driven as its users drive it: a real process, its output and its exit code."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import run_sequent

FLOW = """
import os
import sequent as seq

def send(name):
    if os.path.exists("down"):
        raise ConnectionRefusedError(f"{name} is down")
    return name

flow = seq.Sequent(config={"task_construct": "invoke"})
days = flow.add_step("days", loop=["mon", "tue"])
load = days.add_step("load", print, args=("loading", days.item))
after = flow.add_step("send", send, args=("endpoint",), require=((days, seq.STEP_SUCCESS),))
"""

SCRIPT = FLOW + "\nflow.run()\n"

BUILDER = """
import sequent as seq

def build(count: int, name: str = "x") -> seq.Sequent:
    flow = seq.Sequent(config={"task_construct": "invoke"})
    flow.add_step("each", print, args=(name,), loop=range(count))
    return flow

def broken() -> seq.Sequent:
    flow = seq.Sequent()
    flow.add_step("a", print, require=(("b", seq.STEP_SUCCESS),))
    flow.add_step("b", print, require=(("a", seq.STEP_SUCCESS),))
    return flow
"""

RAW = """
import eventcore as evr

def main():
    ev = evr.Eventor(config={"task_construct": "invoke"})
    go, done = ev.add_event("go"), ev.add_event("done")
    ev.add_assoc(go, ev.add_step("first", print, args=("first",), triggers={evr.STEP_SUCCESS: (done,)}))
    ev.add_assoc(done, ev.add_step("second", print, args=("second",)), delay=60)
    ev.trigger_event(go, 1)
    ev.run()

if __name__ == "__main__":
    main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"flow.py": FLOW, "script.py": SCRIPT, "builder.py": BUILDER, "raw.py": RAW}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def sequent(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = run_sequent(folder, *arguments, environment={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == code, done.stdout + done.stderr
    return done


def one_line_error(folder: Path, *arguments: str) -> str:
    done = sequent(folder, *arguments, code=2)
    assert done.stdout == ""
    *progress, error = done.stderr.splitlines()
    assert error.startswith("sequent: ")
    assert all("Eventor store file" in line for line in progress)
    return error


def test_from_a_failed_run_to_a_recovered_one(folder: Path) -> None:
    (folder / "down").touch()
    failed = sequent(folder, "run", "flow.py", code=1)
    assert "failed: send@1: ConnectionRefusedError: endpoint is down" in failed.stdout
    run_id = failed.stdout.split("--run-id ")[1].strip()
    assert f"sequent recover flow.run.db --run-id {run_id}" in failed.stdout
    status = sequent(folder, "status", "flow.py").stdout
    assert "ConnectionRefusedError: endpoint is down" in status

    (folder / "down").unlink()
    recovered = sequent(folder, "recover", "flow.py")
    assert "send" in recovered.stderr
    assert "loading" not in recovered.stdout
    assert f"run {run_id}: success" in recovered.stdout
    nothing = sequent(folder, "recover", "flow.py", code=3)
    assert "nothing to recover" in nothing.stderr


@pytest.mark.parametrize("target", ["flow.py", "flow.py:flow", "script.py", "flow:flow"])
def test_a_flow_is_a_file_a_name_in_it_a_script_that_runs_it_or_a_module(folder: Path, target: str) -> None:
    done = sequent(folder, "run", target)
    assert done.stdout.count("loading") == 2
    assert "success" in done.stdout


def test_a_store_knows_its_program(folder: Path) -> None:
    (folder / "down").touch()
    sequent(folder, "run", "script.py", code=1)
    (folder / "down").unlink()
    done = sequent(folder, "recover", "script.run.db")
    assert "success" in done.stdout
    assert "loading" not in done.stdout
    done = sequent(folder, "run", "script.run.db", "--run-id", "new")
    assert "run new: success" in done.stdout


def test_a_function_that_builds_a_flow_takes_typed_parameters_and_the_store_remembers_them(folder: Path) -> None:
    done = sequent(folder, "run", "builder.py:build", "--param", "count=3", "--param", "name=hello")
    assert done.stdout.count("hello") == 3
    again = sequent(folder, "run", "builder.run.db")
    assert again.stdout.count("hello") == 3


def test_recovering_a_named_builder_uses_the_parameters_of_its_run(folder: Path) -> None:
    text = BUILDER.replace('flow.add_step("each", print, args=(name,), loop=range(count))',
                           'flow.add_step("each", int, args=(name,), loop=range(count))')  # fmt: skip
    (folder / "builder.py").write_text(text)
    parameters = ("--param", "count=2", "--param", "name=seven", "--store", "s.db")
    failed = sequent(folder, "run", "builder.py:build", *parameters, code=1)
    assert "sequent recover s.db" in failed.stdout
    again = sequent(folder, "recover", "builder.py:build", "--store", "s.db", code=1)
    assert "'seven'" in again.stdout
    sequent(folder, "recover", "builder.py:build", "--store", "s.db", "--param", "name=7")


def test_raw_programs_work_the_same_way(folder: Path) -> None:
    done = sequent(folder, "run", "raw.py", "--max-loops", "1")
    assert "first" in done.stdout
    assert "1 outstanding" in done.stdout
    status = json.loads(sequent(folder, "status", "raw.py", "--json").stdout)
    assert status["state"] == "pending"
    assert [step["state"] for step in status["steps"]] == ["success", "waiting"]
    later = sequent(folder, "continue", "raw.py", "--max-loops", "1")
    assert "second" not in later.stdout.splitlines()


def test_settings_store_and_run_id_can_be_given(folder: Path) -> None:
    sequent(folder, "run", "flow.py", "--store", "other.db", "--run-id", "mine", "--set", "durability=normal")
    runs = json.loads(sequent(folder, "runs", "other.db", "--json").stdout)
    assert [run["run_id"] for run in runs] == ["mine"]
    assert "mine" in one_line_error(folder, "run", "flow.py", "--store", "other.db", "--run-id", "mine")


def test_runs_are_listed_latest_first(folder: Path) -> None:
    sequent(folder, "run", "flow.py", "--run-id", "one")
    sequent(folder, "run", "flow.py", "--run-id", "two")
    listed = sequent(folder, "runs", "flow.py").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == ["two", "one"]


def test_status_counts_the_instances_of_each_step(folder: Path) -> None:
    sequent(folder, "run", "flow.py")
    status = json.loads(sequent(folder, "status", "flow.py", "--json").stdout)
    days, send = status["steps"]
    assert (days["path"], days["state"], days["loop"]) == ("days", "success", "2 items")
    assert days["steps"][0]["counts"] == {"success": 2}
    assert send["counts"] == {"success": 1}


def test_graph_writes_dot_and_svg(folder: Path) -> None:
    assert sequent(folder, "graph", "flow.py").stdout.startswith("digraph")
    sequent(folder, "run", "flow.py")
    assert "success" in sequent(folder, "graph", "flow.py").stdout
    sequent(folder, "graph", "flow.py", "-o", "run.svg")
    assert "<svg" in (folder / "run.svg").read_text()


def test_quiet_shows_what_the_steps_print_and_no_progress(folder: Path) -> None:
    done = sequent(folder, "run", "-q", "flow.py")
    assert "loading" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "nowhere.py"), "nowhere.py"),
        (("run", "flow.py:nothing"), "flow"),
        (("run", "builder.py:build"), "count"),
        (("run", "builder.py:build", "--param", "count=many"), "count"),
        (("run", "builder.py:build", "--param", "size=1"), "size"),
        (("run", "builder.py"), "builder.py:build"),
        (("run", "builder.py:broken"), "wait for each other"),
        (("run", "flow.py", "--set", "max_concurent=2"), "max_concurrent"),
        (("run", "flow.py", "--set", "max_concurrent=two"), "max_concurrent"),
        (("run", "flow.py", "--set", "max_concurrent"), "key=value"),
        (("recover", "flow.py"), "run the program first"),
        (("status", "flow.py"), "no store"),
        (("runs", "garbage.db"), "not a database"),
        (("status", "flow.py", "--store", "missing/x.db"), "missing"),
        (("fly", "flow.py"), "'fly'"),
    ],
)
def test_expected_errors_are_one_line_with_a_remedy(folder: Path, arguments: tuple[str, ...], named: str) -> None:
    (folder / "garbage.db").write_bytes(b"\x00\xff" * 600)
    assert named in one_line_error(folder, *arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "flow.py"), ("recover", "flow.py"), ("recover", "flow.py", "--dry-run"), ("continue", "flow.py"),
        ("recover", "flow.run.db"), ("status", "flow.py"), ("watch", "flow.py"), ("runs", "flow.run.db"),
        ("why", "flow.py", "send"), ("graph", "flow.run.db"), ("report", "flow.py", "-o", "x.html"),
        ("logs", "flow.py"), ("clean", "flow.run.db", "--keep", "1"), ("pause", "flow.py"), ("cancel", "flow.py"),
        ("rerun", "flow.py", "send"),
    ],
)  # fmt: skip
def test_a_store_of_an_unreleased_version_is_refused_by_every_verb(folder: Path, arguments: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(folder / "flow.run.db")) as store, store:
        store.execute("create table eventcore_schema_version (version integer primary key)")
        store.execute("insert into eventcore_schema_version values (1)")
    error = one_line_error(folder, *arguments)
    assert "made by an unreleased version" in error
    assert "remove it, or give another path to start a new store" in error


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'sqlalchemy', 'networkx', 'paramiko', 'rich', 'graphviz', 'cloudpickle', 'yaml'}"
    program = f"import sys, sequent.cli.command; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_run_that_was_given_no_pass_is_not_over(folder: Path) -> None:
    done = sequent(folder, "run", "flow.py", "--max-loops", "0")
    assert ": pending" in done.stdout
    assert sequent(folder, "continue", "flow.py").stdout.count("loading") == 2


def test_a_paused_run_says_so_when_it_is_gone_on_with(folder: Path) -> None:
    sequent(folder, "run", "flow.py", "--max-loops", "0")
    sequent(folder, "pause", "flow.py")
    assert "is paused" in sequent(folder, "continue", "flow.py", "-q", "--max-loops", "1").stderr


def test_a_file_that_is_neither_python_nor_a_store_is_not_run(folder: Path) -> None:
    (folder / "notes.txt").write_text("junk\n")
    (folder / "junk.run.db").write_text("junk\n")
    assert "neither a Python file" in one_line_error(folder, "run", "notes.txt")
    assert "not a database" in one_line_error(folder, "status", "junk.run.db")


def test_without_a_verb_the_help_is_shown(folder: Path) -> None:
    assert "Verbs:" in sequent(folder, code=2).stderr


@pytest.fixture(scope="module")
def two_users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where bob has run the flow after ann."""
    folder = tmp_path_factory.mktemp("two users")
    (folder / "flow.py").write_text(FLOW)
    (folder / "down").touch()
    for user, run_id in (("ann", "hers"), ("bob", "his")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LOGNAME", user)
            sequent(folder, "run", "flow.py", "--run-id", run_id, code=1)
    return folder


@pytest.fixture
def shared(two_users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that store, where the endpoint is up again; the user is ann."""
    for name in ("flow.py", "flow.run.db"):
        shutil.copy(two_users / name, tmp_path)
    monkeypatch.setenv("LOGNAME", "ann")
    return tmp_path


PASSED_OVER = "sequent: using run 'hers', your latest; ignored a later run of bob; give a run id to use another run"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status", "flow.py"], 0),
        (["why", "flow.py", "send"], 0),
        (["logs", "flow.py"], 0),
        (["watch", "flow.py"], 1),
        (["graph", "flow.py"], 0),
        (["report", "flow.py", "-o", "run.html"], 0),
        (["cancel", "flow.py"], 3),
        (["recover", "flow.py", "--dry-run"], 0),
        (["recover", "flow.py"], 0),
        (["continue", "flow.py"], 1),
        (["recover", "flow.run.db"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_verb_without_a_run_id_takes_the_users_own_run_and_says_so_once(
    shared: Path, arguments: list[str], code: int
) -> None:
    done = sequent(shared, *arguments, code=code)
    assert done.stderr.splitlines().count(PASSED_OVER) == 1
    assert done.stderr.count("ignored") == 1
    assert "his" not in re.findall(r"\w+", done.stdout)


def test_a_verb_with_a_run_id_takes_anybodys_and_says_nothing(shared: Path) -> None:
    done = sequent(shared, "recover", "flow.py", "--run-id", "his")
    assert "run his: success" in done.stdout
    assert "ignored" not in done.stderr


def test_a_user_without_a_run_is_told_of_others_and_how_to_name_theirs(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "cid")
    for verb in ("status", "recover"):
        said = one_line_error(shared, verb, "flow.py")
        assert "of yours (cid)" in said
        assert "'his' of bob, 'hers' of ann; name one with --run-id" in said


def test_the_list_of_runs_names_users_where_they_are_several(shared: Path) -> None:
    heading, his, hers = sequent(shared, "runs", "flow.py", "--all-users").stdout.splitlines()
    assert [line.split()[1] for line in (heading, his, hers)] == ["user", "bob", "ann"]


MANY = """
import sequent as seq

def work(i, item=None):
    if i % 40 == 3:
        raise ValueError(f"bad {i}")

flow = seq.Sequent(config={"task_construct": "invoke", "stop_on_exception": False})
for i in range(100):
    flow.add_step(f"s{i}", work, args=(i,))
box = flow.add_step("box", loop=["x", "y"])
box.add_step("in", work, args=(3, box.item))
box.add_step("good", work, args=(4, box.item))
"""


def test_status_of_many_steps_counts_them_and_shows_those_that_are_not_well(folder: Path) -> None:
    (folder / "many.py").write_text(MANY)
    sequent(folder, "run", "many.py", code=1)
    lines = sequent(folder, "status", "many.py").stdout.splitlines()
    assert lines[1] == "├── 102 steps: 4 failure, 98 success"
    assert [line.split()[1] for line in lines[2:] if "failure" in line] == ["s3", "s43", "s83", "box", "in"]
    assert "│   └── @1: ValueError: bad 43" in lines
    assert "        └── @1.2 [y]: ValueError: bad 3" in lines
    assert not any("good" in line for line in lines)
    assert len(sequent(folder, "status", "many.py", "--unfold").stdout.splitlines()) == 1 + 103 + 5 + 1


def test_status_takes_a_path_and_filters(folder: Path) -> None:
    (folder / "many.py").write_text(MANY)
    sequent(folder, "run", "many.py", code=1)
    box = sequent(folder, "status", "many.py", "box").stdout
    assert "good  success 2/2" in box
    assert "s3" not in box
    failed = sequent(folder, "status", "many.py", "box", "--failed").stdout
    assert "2 steps: 1 failure, 1 success" in failed
    assert "good" not in failed
    assert "── 1 step: 1 failure" in sequent(folder, "status", "many.py", "box/in", "--failed").stdout
    active = sequent(folder, "status", "many.py", "--active").stdout.splitlines()
    assert active[1] == "└── 102 steps: 4 failure, 98 success"
    assert active[2].startswith("fix the problem, then run: sequent recover many.run.db") and len(active) == 3
    data = json.loads(sequent(folder, "status", "many.py", "box", "--failed", "--json").stdout)
    assert data["states"] == {"failure": 1, "success": 1}
    assert [[step["path"] for step in top["steps"]] for top in data["steps"]] == [["box/in"]]
    assert {failure["path"] for failure in data["failures"]} == {"box/in"}
    assert "did you mean 'box'" in one_line_error(folder, "status", "many.py", "bx")
    assert one_line_error(folder, "satus", "many.py").endswith("unknown verb 'satus'; did you mean 'status'?")
    assert "status shows steps, not instances: name 's3'" in one_line_error(folder, "status", "many.py", "s3@1")
