"""Engines that the live page starts, for the programs that it was started with, and the stores of a folder."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eventcore.errors import EventcoreError
from eventcore.record.reading import reading
from eventcore.record.views import RunView
from tests.services.served import COMMAND, RUN, Served, opened, state

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

NASTY = "<img src=x onerror=\"document.title='acted'\">"

#: what is extracted depends on a parameter; a file must be there before the data is sent
FLOW = """
from pathlib import Path
import sequent as seq

def extract(region):
    print("extracts", region)

def send():
    if not Path("connected").exists():
        raise ConnectionError("not connected")

def build(region: str = "north") -> seq.Sequent:
    flow = seq.Sequent("nightly", config={"task_construct": "thread"})
    a = flow.add_step("extract", extract, args=(region,))
    flow.add_step("send", send, require=((a, seq.STEP_SUCCESS),))
    return flow
"""

WAITING = """
import time
from pathlib import Path
import sequent as seq

def wait():
    while not Path("go").exists():
        time.sleep(0.02)

flow = seq.Sequent()
flow.add_step("wait", wait)
"""


LATER = """
import sequent as seq

flow = seq.Sequent()
flow.add_step("later", print, delay=100_000)
"""


def runs(store: Path) -> list[RunView]:
    """All runs, the latest first; none while the store is being made."""
    try:
        with reading(str(store)) as reader:
            return reader.runs(time.time())
    except EventcoreError:
        return []


def awaited(what: Callable[[], object]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + 600
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def shell(folder: Path, *arguments: str) -> None:
    subprocess.run([COMMAND, *arguments], cwd=folder, env={"TMPDIR": str(folder)}, capture_output=True, check=False)


def confirm(page: Page, name: str) -> None:
    page.locator("dialog").get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program with a run that failed."""
    (tmp_path / "nightly.py").write_text(FLOW)
    shell(tmp_path, "run", "nightly.py:build", "--param", f"region={NASTY}", "--run-id", f"first {NASTY}")
    return tmp_path


@pytest.fixture
def store(folder: Path) -> Path:
    return folder / "nightly.run.db"


@pytest.fixture
def served(store: Path) -> Iterator[Served]:
    found = Served(store)
    yield found
    found.end()


def listed(context: BrowserContext, served: Served) -> tuple[Page, list[str]]:
    """The page with all runs, and what it complains of."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(served.address)
    return page, complaints


def test_a_program_is_started_with_the_parameters_that_the_reader_gives(
    store: Path, served: Served, context: BrowserContext
) -> None:
    (store.parent / "connected").touch()
    page, complaints = listed(context, served)
    page.get_by_role("button", name="Start nightly.py:build").click()
    assert page.get_by_label("region").input_value() == NASTY
    confirm(page, "Not now")
    assert len(runs(store)) == 1
    page.get_by_role("button", name="Start nightly.py:build").click()
    page.get_by_label("region").fill(f"--detach {NASTY}")
    confirm(page, "Start")
    page.locator("#answer", has_text="continues in process").wait_for()
    page.locator('#runs tr:has(td [data-state="success"])').wait_for()
    assert runs(store)[0].parameters == {"region": f"--detach {NASTY}"}
    assert page.title() == "Runs"
    assert complaints == []


def test_an_engine_that_the_page_started_outlives_the_server(tmp_path: Path, context: BrowserContext) -> None:
    program = tmp_path / "waits.py"
    program.write_text(WAITING)
    served = Served(program)
    try:
        page, _ = listed(context, served)
        page.get_by_text("The store has no runs").wait_for()
        page.get_by_role("button", name="Start waits.py").click()
        confirm(page, "Start")
        page.locator('#runs [data-state="running"]').wait_for()
        refused = served.ask("POST", f"{RUN}/recover", served.bearer)
        assert refused[0] == 409
        assert "is held by" in json.loads(refused[1])["refused"]
        assert served.interrupt() == (0, "")
        assert runs(tmp_path / "waits.run.db")[0].is_held
    finally:
        served.end()
        (tmp_path / "go").touch()
    awaited(lambda: runs(tmp_path / "waits.run.db")[0].state == "success")


def test_a_program_that_is_still_loading_is_not_started_twice_and_not_waited_for_at_ctrl_c(tmp_path: Path) -> None:
    program = tmp_path / "loads.py"
    program.write_text(WAITING.replace("flow =", "Path('loading').touch()\nwait()\nflow ="))
    served = Served(tmp_path / "loads.py", "--store", str(tmp_path / "loads.run.db"))
    try:
        asked = threading.Thread(target=served.ask, args=("POST", "/stores/1/programs/1/start", served.bearer))
        asked.start()
        awaited((tmp_path / "loading").exists)
        status, told = served.ask("POST", "/stores/1/programs/1/start", served.bearer)
        assert (status, "already being started" in told) == (409, True)
        assert served.interrupt() == (0, "")
        asked.join()
        assert not runs(tmp_path / "loads.run.db")
    finally:
        served.end()
        (tmp_path / "go").touch()
    awaited(lambda: [run.state for run in runs(tmp_path / "loads.run.db")] == ["success"])


def test_a_run_is_recovered_and_a_step_of_it_rerun_by_clicks(
    store: Path, served: Served, context: BrowserContext
) -> None:
    page, complaints = opened(context, served)
    state(page, "failure")
    (store.parent / "connected").touch()
    page.get_by_role("button", name="Recover").click()
    confirm(page, "Recover")
    state(page, "success")
    assert page.get_by_role("button", name="Recover").count() == 0
    page.locator('#graph [data-step="extract"]').click()
    page.locator("#details").get_by_role("button", name="Rerun extract@1").click()
    page.get_by_label("What runs").select_option("only")
    confirm(page, "Rerun")
    page.locator("#details").get_by_text("Recovery 2, try 1").wait_for()
    awaited(lambda: (runs(store)[0].recovery, runs(store)[0].state) == (2, "success"))
    assert complaints == []


def test_a_paused_run_without_an_engine_is_resumed_continued_and_cancelled(
    tmp_path: Path, context: BrowserContext
) -> None:
    program = tmp_path / "later.py"
    program.write_text(LATER)
    shell(tmp_path, "run", "later.py", "--max-loops", "1")
    shell(tmp_path, "pause", "later.py")
    served = Served(program)
    try:
        page, _ = opened(context, served)
        state(page, "paused")
        page.get_by_role("button", name="Continue").click()
        page.locator("dialog", has_text="The run is paused").wait_for()
        confirm(page, "Not now")
        page.get_by_role("button", name="Resume").click()
        state(page, "pending")
        page.get_by_role("button", name="Continue").click()
        confirm(page, "Continue")
        state(page, "running")
        page.get_by_role("button", name="Cancel run").click()
        confirm(page, "Cancel run")
        state(page, "cancelled")
        assert page.get_by_role("button", name="Recover").is_visible()
    finally:
        served.end()


def test_the_page_says_why_a_program_cannot_begin(store: Path, served: Served, context: BrowserContext) -> None:
    page, _ = opened(context, served)
    (store.parent / "nightly.py").write_text("def")
    page.get_by_role("button", name="Recover").click()
    confirm(page, "Recover")
    page.locator('#answer[data-state="failure"]', has_text="nightly.py is not Python").wait_for()
    state(page, "failure")


def test_only_programs_that_the_page_was_started_with_are_executed(store: Path, served: Served) -> None:
    planted = store.parent / "planted.py"
    planted.write_text("from pathlib import Path\nPath('executed').touch()\n")
    with closing(sqlite3.connect(store)) as database, database:
        database.execute("UPDATE eventcore_runs SET source = ?", (json.dumps({"target": str(planted)}),))
    for verb, body in (("recover", "{}"), ("continue", "{}"), ("rerun", '{"path": "extract"}')):
        status, told = served.ask("POST", f"{RUN}/{verb}", served.bearer, body)
        assert status == 409
        assert "was not started with" in json.loads(told)["refused"]
    assert served.ask("POST", "/stores/1/programs/2/start", served.bearer)[0] == 404
    assert not (store.parent / "executed").exists()


def test_a_folder_is_listed_store_by_store_and_what_comes_later_too(folder: Path, context: BrowserContext) -> None:
    (folder / "broken.db").write_text("not a database")
    with closing(sqlite3.connect(folder / "customers.db")) as theirs:
        theirs.execute("CREATE TABLE customers (name TEXT)")
    before = (folder / "customers.db").read_bytes()
    served = Served(folder / ".")
    try:
        page, complaints = listed(context, served)
        page.get_by_text("broken.db is not a database").wait_for()
        page.get_by_text("customers.db is a database of another program").wait_for()
        (folder / "waits.py").write_text(WAITING)
        (folder / "go").touch()
        shell(folder, "run", "waits.py")
        later = page.locator('section[data-store="waits.run.db"]')
        later.locator('[data-state="success"]').wait_for()
        assert later.get_by_role("button").count() == 0
        page.locator('section[data-store="nightly.run.db"] a').click()
        state(page, "failure")
        page.go_back()
        later.locator("a").click()
        state(page, "success")
        assert page.locator("#brand").inner_text() == "waits"
        assert complaints == []
    finally:
        served.end()
    assert (folder / "customers.db").read_bytes() == before


def test_on_a_phone_the_list_and_the_questions_are_no_wider_than_the_page(
    served: Served, context: BrowserContext
) -> None:
    page, _ = listed(context, served)
    page.set_viewport_size({"width": 390, "height": 844})
    fits = "Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('body *')].map(" \
           "(one) => one.getBoundingClientRect().right)) <= 390"  # fmt: skip
    assert page.evaluate(fits)
    page.get_by_role("button", name="Start nightly.py:build").click()
    assert page.evaluate(fits)
    confirm(page, "Not now")
    page.locator("#runs a").click()
    page.locator("#head").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name="Recover").click()
    confirm(page, "Recover")
    page.locator("#answer", has_text="continues in process").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for name in ("#answer", "#steering", "#head"):
        box = page.locator(name).bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390


def test_a_folder_without_stores_has_nothing_to_serve(tmp_path: Path) -> None:
    said = subprocess.run(
        [COMMAND, "serve", "."], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
    )
    assert said.returncode == 3
    assert said.stderr == "sequent: nothing to serve: folder . has no store\n"
