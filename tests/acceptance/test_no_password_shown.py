"""A store on a server that asks for a password: everything works, and nothing that is shown or left has it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import MetaData, create_engine, make_url, select

import eventcore
from eventcore.define import passwords
from eventcore.define.passwords import withheld
from eventcore.errors import StoreError
from eventcore.record.reading import reading
from eventcore.record.registry import backend_of
from sequent.cli.launcher import Launcher
from tests.commands import COMMAND
from tests.servers import stores
from tests.servers.software import GUARDED, PASSWORD, USER
from visual.page.engines import Program, Work

SECRET = "s3cret"  #: the part of the password that is the same in all spellings
FLOW = """
import os, subprocess, sys, time
from pathlib import Path
import eventcore
import sequent as seq

FOLDER = Path(__file__).parent

def tell():
    print(eventcore.current().store, dict(os.environ))
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            commands.append((process / "cmdline").read_bytes() + (process / "environ").read_bytes())
        except OSError:
            pass
    ours = [one for one in commands if NAME.encode() in one]
    (FOLDER / "processes").write_bytes(b"\\n".join(ours))
    command = [Path(sys.executable).with_name("sequent"), "emit", "half", "--value", "7"]
    done = subprocess.run(command, capture_output=True, text=True)
    print(done)
    return done.returncode

def later():
    ticket = eventcore.current().defer()
    (FOLDER / "ticket").write_text(ticket)
    assert eventcore.complete(ticket, 1).status

def fail(store):
    while (FOLDER / "wait").exists():
        time.sleep(0.01)
    if not (FOLDER / "mended").exists():
        raise ConnectionError(f"{store} is down", eventcore.current().store)

NAME = "%s"
"""
BUILT = """
flow = seq.Sequent("flow", store=STORE, config=CONFIG)
told = flow.add_step("tell", tell)
half = flow.add_step("after", print, args=(told.event("half").value,), require=((told.event("half"),),))
flow.add_step("later", later, require=((told, seq.STEP_OVER),))
flow.add_step("fail", fail, args=("postgresql://flow:s3cret@db/flows",), require=((told, seq.STEP_OVER),))
"""


@pytest.fixture(params=["postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place on a server, with user and password."""
    open_to_all: str = getattr(stores, request.param)(tmp_path)
    return open_to_all.replace(f"//{USER}@", f"//{GUARDED}:{quote(PASSWORD, safe='')}@")


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    """With a flow whose store is named on the command line."""
    write(tmp_path, url)
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun."""
    monkeypatch.setattr(passwords, "_known", {})
    monkeypatch.setattr(passwords, "_tags", {})


def write(folder: Path, url: str, store: str = "", config: Mapping[str, object] = {}) -> None:
    name = url.rpartition("store_")[2]
    text = f"{FLOW % f'store_{name}'}STORE, CONFIG = {store!r}, {dict(config)!r}\n{BUILT}"
    (folder / "flow.py").write_text(text)


def sequent(folder: Path, *arguments: str, told: str = "") -> str:
    """What the command prints, which has no password in it; its exit code is in the last line."""
    done = subprocess.run(
        [COMMAND, *arguments], cwd=folder, input=told, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    said = f"{done.stdout}\n{done.stderr}\n{done.returncode}"
    assert SECRET not in said
    return said


def rows(url: str) -> Iterator[str]:
    """All rows of all tables."""
    engine = create_engine(make_url(url).set(drivername=backend_of(url).driver))  # type: ignore[attr-defined]
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        for table in tables.tables.values():
            yield from (str(tuple(row)) for row in connection.execute(select(table)))
    engine.dispose()


def check_left(folder: Path, url: str) -> None:
    """Nothing that the runs have left in the store and in the folder has the password."""
    found = list(rows(url))
    assert len(found) > 10 and not [row for row in found if SECRET in row]
    files = [path for path in folder.rglob("*") if path.is_file() and path.stem.partition(".")[0] != "flow"]
    contents = {path: path.read_bytes() for path in [*files, *folder.glob("flow.*.log")]}
    assert not [path for path, content in contents.items() if SECRET.encode() in content]
    assert any(path.name == "engine.log" for path in contents)
    assert any(b"returncode=0" in content for content in contents.values())  # of `sequent emit`


def test_a_run_leaves_and_shows_no_password(folder: Path, url: str) -> None:
    first = sequent(folder, "run", "flow.py", "--store", url)
    assert first.endswith("\n1") and "is down" in first
    location = withheld(url)
    processes = (folder / "processes").read_bytes()
    assert b"sequent.cli" in processes and SECRET.encode() not in processes
    shown = [
        sequent(folder, *arguments, told=f"{url}\n")
        for arguments in (
            ("status", "flow.py", "--store", "-", "--json"), ("runs", "flow.py", "--store", "-", "--json"),
            ("logs", "flow.py", "--store", "-"), ("logs", "flow.py", "--engine", "--store", "-"),
            ("why", "flow.py", "fail", "--store", "-"), ("graph", "flow.py", "--store", "-"),
            ("report", "flow.py", "--store", "-", "-o", "report.html"), ("status", url, "tell"),
            ("runs", url, "--json"), ("recover", url, "--plain"), ("clean", url, "--keep", "5"),
        )
    ]  # fmt: skip
    assert all(location in one for one in (shown[0], shown[4], shown[8]))
    assert "report.html" in shown[6]
    check_left(folder, url)


def test_a_configured_password_is_found_again_by_the_tag_that_hints_name(folder: Path, url: str) -> None:
    parts = make_url(url)
    (folder / "password").write_text(f"{PASSWORD}\n")
    (folder / "password").chmod(0o600)
    entry = {"dialect": parts.drivername, "username": GUARDED, "password_file": "password", "host": parts.host,
             "port": parts.port, "database": parts.database, "query": dict(parts.query)}  # fmt: skip
    (folder / "config.yaml").write_text(json.dumps({"DATABASE": {"live": entry}}))
    write(folder, url, "live")
    text = (folder / "flow.py").read_text().replace("config=CONFIG", 'config=FOLDER / "config.yaml"')
    (folder / "flow.py").write_text(text)
    first = sequent(folder, "run", "flow.py")
    hint = next(line for line in first.splitlines() if "then run: " in line).partition("then run: sequent ")[2]
    assert hint.startswith("recover flow.py --store live --run-id ")
    (folder / "mended").touch()
    assert "success" in sequent(folder, *hint.split())
    (folder / "password").unlink()
    check_left(folder, url)


def test_a_file_of_the_databases_own_has_the_password_for_all_commands(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "own.cnf"
    bare = withheld(url)
    if url.startswith("postgresql"):
        file.write_text("*:*:*:*:" + PASSWORD.replace(":", "\\:") + "\n")
        monkeypatch.setenv("PGPASSFILE", str(file))
    else:
        file.write_text(f"[client]\npassword={PASSWORD}\n")
        bare = f"{bare}?read_default_file={file}"
    file.chmod(0o600)
    first = sequent(folder, "run", "flow.py", "--store", bare)
    hint = next(line for line in first.splitlines() if "then run: " in line).partition("then run: sequent ")[2]
    (folder / "mended").touch()
    assert "success" in sequent(folder, *shlex.split(hint))
    file.unlink()
    check_left(folder, url)


def test_engines_in_the_background_get_the_password_without_showing_it(folder: Path, url: str) -> None:
    (folder / "wait").touch()
    begun = sequent(folder, "run", "flow.py", "--detach", f"--store={url}")
    assert f"sequent watch '{withheld(url)}'" in begun or f"sequent watch {withheld(url)}" in begun
    program = Program(str(folder / "flow.py"), "flow.py")
    said = Launcher({withheld(url): [program]}).begin(Work("run", program, withheld(url)))
    assert said.startswith("run ") and SECRET not in said
    lists = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in lists.splitlines() if withheld(url).rpartition("store_")[2] in line]
    assert ours and not [line for line in ours if SECRET in line]
    (folder / "wait").unlink()
    deadline, states = time.monotonic() + 300, list[str]()
    while states != ["failure"] * 2 and time.monotonic() < deadline:
        with reading(url) as reader:
            states = [run.state for run in reader.runs(time.time())]
    assert states == ["failure"] * 2
    check_left(folder, url)


def test_what_python_shows_of_a_store_has_no_password(url: str, folder: Path) -> None:
    write(folder, url, url, {"DATABASE": {"other": url}})
    with (folder / "flow.py").open("a") as file:
        file.write('if __name__ == "__main__":\n    flow.run()\n    print(flow.store, repr(flow.config))\n')
    done = subprocess.run(
        [sys.executable, "flow.py"], cwd=folder, capture_output=True, text=True, timeout=300, check=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    assert SECRET not in done.stdout + done.stderr and withheld(url) in done.stdout
    assert eventcore.stored_run(url).verdict.value == "failure"
    check_left(folder, url)


@pytest.mark.parametrize("password", ["", ":wrong-s3cret"])
def test_a_password_that_is_missing_or_wrong_is_one_line_that_says_what_to_do(url: str, password: str) -> None:
    wrong = url.replace(f":{quote(PASSWORD, safe='')}@", f"{password}@")
    with pytest.raises(StoreError) as caught:
        eventcore.stored_run(wrong)
    said = str(caught.value)
    assert SECRET not in said and "\n" not in said and f"{GUARDED}@127.0.0.1" in said and "--store -" in said


@pytest.mark.parametrize("end", ["s3cret@db:port/flows", "abc@s3cret@db/flows", "x@s3cret:y@db/flows"])
@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "postgresql+psycopg2", "oracle"])
def test_a_url_that_is_none_is_not_quoted(tmp_path: Path, scheme: str, end: str) -> None:
    url = f"{scheme}://flow:{end}"
    with pytest.raises(StoreError) as caught:
        eventcore.stored_run(url)
    assert SECRET not in str(caught.value)
    assert "\nsequent: " in sequent(tmp_path, "runs", url)
    assert "***" in sequent(tmp_path, "runs", "x.db", "postgresql://flow:s3cret@db/flows")
