"""What waits for an answer is answered on the page, and completed over HTTP by whoever has its ticket."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

import sequent as seq
from eventcore.define.ticket import read_ticket
from eventcore.record import identity
from tests.services.served import COMMAND, Served, opened, state

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

FLOW = """
from pathlib import Path
import sequent as seq

def begin():
    Path("part").write_text(seq.current().defer(timeout=3600))
    Path("part").rename("ticket")

flow = seq.Sequent(config={"max_concurrent": 4})
job = flow.add_step("job", begin)
approved = flow.add_wait("approved")
flow.add_step("send", print, args=("sent", job.result, approved.result))
"""


class Running:
    """A run in a process of its own, with process workers, and the page that follows it."""

    def __init__(self, folder: Path) -> None:
        (folder / "flow.py").write_text(FLOW)
        self.engine = subprocess.Popen(
            [COMMAND, "run", "flow.py"], cwd=folder, env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while not (folder / "ticket").exists():
            assert self.engine.poll() is None
            time.sleep(0.05)
        self.ticket = (folder / "ticket").read_text()
        self.store = folder / "flow.run.db"
        self.served = Served(self.store)

    def complete(self, ticket: str, **named: object) -> tuple[int, str]:
        status, text = self.served.ask(
            "POST", "/complete", {"Authorization": f"Bearer {ticket}"}, json.dumps(named) if named else None
        )
        return status, text.strip()

    def end(self) -> None:
        self.served.end()
        if self.engine.poll() is None:
            self.engine.kill()
        self.engine.communicate()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path)
    yield found
    found.end()


def test_a_wait_is_answered_by_a_click_and_a_deferred_step_over_http(running: Running, context: BrowserContext) -> None:
    page, complaints = opened(context, running.served)
    state(page, "running")
    page.get_by_role("button", name="Tree", exact=True).click()
    page.locator('#tree [data-step="approved"]').click()
    page.get_by_role("button", name="Answer approved@1").click()
    page.locator("dialog").get_by_label("Value").fill("yes")
    page.locator("dialog").get_by_role("button", name="Answer").click()
    page.get_by_text("the value 'yes' is not JSON").wait_for()
    page.get_by_role("button", name="Answer approved@1").click()
    page.locator("dialog").get_by_label("Value").fill('{"by": "the board"}')
    page.locator("dialog").get_by_role("button", name="Answer").click()
    page.get_by_text("Answer approved@1: done").wait_for()
    page.locator('#details .state[data-state="success"]').first.wait_for()
    assert f"by {identity.user()}@{identity.host()}" in page.locator("#details").inner_text()
    assert page.locator("#details").get_by_role("button", name="Answer approved@1").count() == 0
    assert running.complete(running.ticket, value=[1, 2]) == (200, '{"answer":"done"}')
    state(page, "success")
    assert [said for said in complaints if "409" not in said] == []  # but for the value that is no JSON
    assert "sent [1, 2] {'by': 'the board'}" in running.engine.communicate(timeout=60)[0]


def test_a_ticket_opens_its_step_once_and_nothing_else(running: Running) -> None:
    said = read_ticket(running.ticket)
    assert running.complete("rubbish", value=1)[0] == 409
    assert running.complete(replace(said, secret="guessed").written(), value=1)[0] == 409
    assert running.complete(replace(said, run_id="other").written(), value=1)[0] == 404
    assert running.served.ask("POST", "/complete", running.served.cookie, "{}")[0] == 403
    assert running.complete(running.ticket, result=1) == (
        409, '{"refused":"send a JSON object with a value or an error"}'
    )  # fmt: skip
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    status, text = running.complete(running.ticket, value=deep)
    assert (status, "nested" in text) == (409, True)
    for path in ("/", "/stores/1/runs/1", "/stores/1/runs/1/pause"):
        method = "POST" if path.endswith("pause") else "GET"
        assert running.served.ask(method, path, {"Authorization": f"Bearer {running.ticket}"})[0] == 401
    moved = replace(said, store="/etc/passwd")  # what it says of a store counts for nothing
    assert running.complete(moved.written(), value=1)[0] == 409
    assert running.complete(running.ticket, error="the job was lost") == (200, '{"answer":"done"}')
    status, text = running.complete(running.ticket, value=1)
    assert (status, "has ended" in text) == (409, True)
    running.engine.communicate(timeout=60)
    assert seq.stored_run(running.store).tasks("job")[0].error == "the job was lost"
