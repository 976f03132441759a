"""The live page: a reader follows a run in the browser and steers it, and nobody else does."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sequent as seq
from eventcore.define.status import TaskStatus
from eventcore.errors import EventcoreError
from eventcore.record.reading import reading
from eventcore.record.requests import pending
from tests.services.served import COMMAND, RUN, Served, opened, state, step_state

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

#: a step that waits for a file, one after it, and another that waits for a file of its own
FLOW = """
import time
from pathlib import Path
import sequent as seq

def wait(name):
    while not Path(name).exists():
        time.sleep(0.02)

flow = seq.Sequent(config={"max_concurrent": 4})
a = flow.add_step("a", wait, args=("go-a",))
flow.add_step("after_a", print, args=("after a ran",), require=((a, seq.STEP_SUCCESS),))
b = flow.add_step("b", wait, args=("go-b",))
flow.add_step("after_b", print, args=("after b ran",), require=((b, seq.STEP_SUCCESS),))
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A page for a store with a run whose work is not done."""
    store = tmp_path_factory.mktemp("served") / "later.run.db"
    flow = seq.Sequent("later", store, config={"task_construct": "invoke", "console": False, "logging_level": "ERROR"})
    flow.add_step("later", print, delay=100_000)
    flow.run(max_loops=1)
    served = Served(store)
    yield served
    served.end()


class Running:
    """A run in a process of its own, and the page that follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "flow.py").write_text(FLOW)
        self.engine = subprocess.Popen(
            [COMMAND, "run", "flow.py"], cwd=folder, env={**os.environ, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.store = folder / "flow.run.db"
        deadline = time.monotonic() + 600
        while not self._waits():
            assert time.monotonic() < deadline, "the run did not begin"
            time.sleep(0.05)
        self.served = Served(self.store)

    def _waits(self) -> bool:
        if not self.store.is_file():
            return False
        try:
            with reading(str(self.store)) as reader:
                run = reader.run(None, time.time())
                return len(reader.instances(run, statuses=(TaskStatus.active,))) == 2
        except EventcoreError:
            return False

    def go(self, name: str) -> None:
        (self.folder / f"go-{name}").touch()

    def end(self) -> None:
        self.go("a")
        self.go("b")
        self.served.end()
        if self.engine.poll() is None:
            self.engine.kill()
        self.engine.communicate()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = Running(tmp_path)
    yield found
    found.end()


START = "/stores/1/programs/1"  #: the program that the page was started with


def recorded(served: Served) -> list[str]:
    """The requests that nobody took up, and whether the run is paused."""
    with reading(str(served.store)) as reader:
        run = reader.run(None, time.time())
        return [request.verb for request in pending(reader.connection, run.id)] + ["pause"] * run.is_paused


def test_the_page_follows_a_run_to_its_end_and_cancels_a_step_by_a_click(
    running: Running, context: BrowserContext
) -> None:
    page, complaints = opened(context, running.served)
    state(page, "running")
    page.get_by_role("button", name="Tree", exact=True).click()
    page.locator('#tree [data-step="a"]').click()
    page.get_by_role("button", name="Cancel a@1").click()
    page.locator("dialog").get_by_role("button", name="Not now").click()
    page.get_by_role("button", name="Cancel a@1").click()
    page.locator("dialog").get_by_role("button", name="Cancel a@1").click()
    page.get_by_text("Cancel a@1: done").wait_for()
    page.locator('#details .state[data-state="cancelled"]').first.wait_for()
    assert page.locator("#details").get_by_role("button", name="Cancel a@1").count() == 0
    running.go("b")
    state(page, "success")
    step_state(page, "after_b", "success")
    step_state(page, "after_a", "not reached")
    page.locator('#graph [data-step="after_b"][data-state="success"]').wait_for(state="attached")
    assert page.get_by_role("button", name="Cancel run").count() == 0
    assert "after b ran" in running.engine.communicate(timeout=600)[0]
    assert complaints == []


def test_a_run_is_paused_and_resumed_and_ctrl_c_ends_the_server_while_pages_are_open(
    running: Running, context: BrowserContext
) -> None:
    page, _ = opened(context, running.served)
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Pause: done").wait_for()
    state(page, "paused")
    assert page.locator("#head .state.large .glyph").inner_text() == "‖"
    running.go("a")
    step_state(page, "a", "success")
    step_state(page, "after_a", "ready")
    page.get_by_role("button", name="Resume").click()
    step_state(page, "after_a", "success")
    state(page, "running")
    assert running.served.interrupt() == (0, "")
    page.get_by_text("The server does not answer").wait_for()
    assert running.engine.poll() is None


def test_the_page_says_that_an_engine_is_gone(running: Running, context: BrowserContext) -> None:
    page, complaints = opened(context, running.served)
    state(page, "running")
    running.engine.kill()
    state(page, "interrupted")
    step_state(page, "b", "interrupted")
    page.get_by_text("Its engine is gone").wait_for()
    assert complaints == []


def test_without_the_token_there_is_nothing(done: Served, context: BrowserContext) -> None:
    page = context.new_page()
    for path in ("/", RUN, "/?token=wrong"):
        response = page.goto(done.origin + path)
        assert response is not None
        assert response.status == 401
        assert "later" not in page.content()


class Elsewhere(BaseHTTPRequestHandler):
    """A server of somebody else on the same machine: browsers send it, and its pages, the same cookies."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_of_another_origin_gets_nothing_though_the_browser_has_the_cookie(
    done: Served, elsewhere: str, context: BrowserContext
) -> None:
    own, _ = opened(context, done)
    foreign = context.new_page()
    foreign.goto(elsewhere)
    fetched = """([address, method, mode]) =>
        fetch(address, { method, mode, credentials: "include" }).then((answer) => answer.status, () => "refused")"""
    for mode in ("cors", "no-cors"):
        for method, path in (("POST", f"{RUN}/pause"), ("GET", RUN)):
            assert foreign.evaluate(fetched, [done.origin + path, method, mode]) == "refused"
    assert recorded(done) == []
    for verb in ("pause", "resume"):
        assert own.evaluate(fetched, [f"{done.origin}{RUN}/{verb}", "POST", "cors"]) == 200


def test_another_name_of_this_machine_gets_nothing(done: Served, context: BrowserContext) -> None:
    response = context.new_page().goto(done.address.replace("127.0.0.1", "rebound.localhost"))
    assert response is not None
    assert response.status == 403


PATHS = [("GET", "/"), ("GET", "/changes"), ("GET", RUN), ("GET", f"{RUN}/changes"), ("GET", "/no"),
         ("POST", f"{RUN}/pause"), ("POST", f"{RUN}/cancel"), ("POST", f"{RUN}/recover"), ("POST", f"{RUN}/rerun"),
         ("POST", f"{START}/start"), ("PUT", "/")]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_every_request_wants_the_token_and_no_other(done: Served, method: str, path: str) -> None:
    own = {"Origin": done.origin}
    assert done.ask(method, path, own)[0] == 401
    assert done.ask(method, path, {**own, "Authorization": "Bearer wrong"})[0] == 401
    assert done.ask(method, path, {**own, "Cookie": f"sequent-{done.port}=wrong"})[0] == 401
    assert recorded(done) == []


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("foreign", [
    {"Host": "evil.example"}, {"Host": "127.0.0.1:1"}, {"Host": "127.0.0.1"}, {"Origin": "http://evil.example"},
    {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
], ids=str)  # fmt: skip
def test_what_comes_from_elsewhere_is_refused_though_it_has_the_token(
    done: Served, method: str, path: str, foreign: dict[str, str]
) -> None:
    for known in (done.cookie, done.bearer):
        assert done.ask(method, path, {"Origin": done.origin, **known, **foreign})[0] == 403
    assert recorded(done) == []


def test_a_post_with_the_cookie_alone_has_to_say_its_origin(done: Served) -> None:
    assert done.ask("POST", f"{RUN}/pause", done.cookie)[0] == 403
    assert recorded(done) == []


@pytest.mark.parametrize(
    "path", [f"{RUN}/recover", f"{RUN}/continue", f"{RUN}/rerun", f"{RUN}/pause", f"{START}/start"]
)
def test_nothing_is_done_by_a_get(done: Served, path: str) -> None:
    assert done.ask("GET", path, done.bearer)[0] == 405
    assert recorded(done) == []


def test_programs_steer_with_the_token_as_bearer(done: Served) -> None:
    assert json.loads(done.ask("POST", f"{RUN}/pause", done.bearer, "{}")[1]) == {"answer": "done"}
    assert recorded(done) == ["pause"]
    assert done.ask("POST", f"{RUN}/resume", done.bearer)[0] == 200
    assert recorded(done) == []


def test_a_request_without_a_body_need_not_say_its_length_and_one_in_chunks_is_refused(done: Served) -> None:
    for verb, header, status in (("pause", (), 200), ("resume", ("Transfer-Encoding", "chunked"), 413)):
        connection = http.client.HTTPConnection("127.0.0.1", done.port, timeout=60)
        connection.putrequest("POST", f"{RUN}/{verb}")
        for name, value in (*done.bearer.items(), *([header] if header else [])):
            connection.putheader(name, value)
        connection.endheaders(b"2\r\n{}\r\n0\r\n\r\n" if header else None)
        assert connection.getresponse().status == status
        connection.close()
    assert recorded(done) == ["pause"]
    assert done.ask("POST", f"{RUN}/resume", done.bearer)[0] == 200


@pytest.mark.parametrize(("path", "body", "status"), [
    (f"{RUN}/cancel", '{"path": 1}', 409), (f"{RUN}/cancel", '{"step": "later"}', 409), (f"{RUN}/pause", "[1]", 409),
    (f"{RUN}/pause", "{", 400), (f"{RUN}/pause", '{"\\ud800": "x"}', 409), (f"{RUN}/pause", '{"path": "later"}', 409),
    ("/stores/1/runs/7/pause", "{}", 404),
    (f"{RUN}/clean", "{}", 404), (f"{RUN}/trigger", '{"event": "none"}', 409), (f"{RUN}/trigger", "{}", 409),
    (f"{RUN}/cancel", f'{{"path": "{"x" * 5000}"}}', 413), (f"{RUN}/rerun", '{"path": "none"}', 409),
    (f"{RUN}/rerun", '{"path": "later", "sequence": "1@1"}', 409),
    (f"{RUN}/rerun", '{"path": "later", "extent": "all"}', 409),
    (f"{RUN}/recover", '{"target": "/tmp/other.py"}', 409), (f"{RUN}/continue", '{"store": "/tmp/other.db"}', 409),
    (f"{START}/start", '{"target": "/tmp/other.py"}', 409), (f"{START}/start", '{"parameters": {"--store": "x"}}', 409),
    (f"{START}/start", '{"parameters": {"a=b": "x"}}', 409), (f"{START}/start", '{"parameters": {"a": 1}}', 409),
    (f"{START}/start", '{"parameters": {"a": "\\u0000"}}', 409), ("/stores/1/programs/0/start", "{}", 404),
    ("/stores/1/programs/2/start", "{}", 404), ("/stores/2/runs/1/pause", "{}", 404),
    (f"/stores/1/runs/{'9' * 5000}/pause", "{}", 414),
    ("/stores/0/programs/1/start", "{}", 404), ("/stores/..%2f/runs/1/pause", "{}", 404),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused_and_not_recorded(done: Served, path: str, body: str, status: int) -> None:
    assert done.ask("POST", path, done.bearer, body)[0] == status
    assert recorded(done) == []


def test_pages_carry_a_strict_policy_and_the_cookie_is_out_of_reach_of_scripts(done: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", done.port, timeout=60)
    connection.request("GET", done.address.removeprefix(done.origin))
    response = connection.getresponse()
    response.read()
    cookie = response.headers["set-cookie"].lower()
    assert (response.status, response.headers["location"]) == (303, "/")
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    connection.request("GET", RUN, headers=done.cookie)
    response = connection.getresponse()
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "connect-src 'self'; frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert done.token not in response.read().decode()
    connection.close()


def test_without_the_extra_the_command_says_what_to_install(done: Served, tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text("raise ModuleNotFoundError('no uvicorn', name='uvicorn')")
    said = subprocess.run(
        [COMMAND, "serve", str(done.store)], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    assert said.returncode == 2
    assert said.stderr == (
        "sequent: serve needs uvicorn, which is not installed; run: pip install 'sequent-flow[live]'\n"
    )


def test_a_port_that_is_taken_is_said_in_one_line(done: Served) -> None:
    said = subprocess.run(
        [COMMAND, "serve", str(done.store), "--port", str(done.port)], capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert f"port {done.port}" in said.stderr
