"""`sequent serve` in a process of its own, and what a reader of its pages sees."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.system import not_there

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

COMMAND = Path(sys.executable).with_name("sequent")
LONG = 180_000  #: milliseconds that something may take to appear
RUN = "/stores/1/runs/1"


class Served:
    """`sequent serve` for a program, a store or a folder, in the folder that it lies in."""

    def __init__(self, store: Path, *options: str) -> None:
        try:
            import sse_starlette  # noqa: F401
            import uvicorn  # noqa: F401
        except ImportError:
            not_there("there is no server for pages; pip install '.[test]'")
        self.store = store
        self.process = subprocess.Popen(
            [COMMAND, "serve", str(store), *options], cwd=store.parent, env={**os.environ, "TMPDIR": str(store.parent)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, line + self.process.communicate(timeout=600)[1]
        self.address = line.split()[-1]
        self.origin = self.address.partition("/?")[0]
        self.token = self.address.partition("token=")[2]
        self.port = urlsplit(self.address).port or 0

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C: its exit code and what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, complaints = self.process.communicate(timeout=600)
        return self.process.returncode, complaints

    def end(self) -> None:
        if self.process.poll() is None:
            self.interrupt()

    def ask(self, method: str, path: str, headers: Mapping[str, str] = {}, body: str | None = None) -> tuple[int, str]:
        """Status and text of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def cookie(self) -> dict[str, str]:
        return {"Cookie": f"sequent-{self.port}={self.token}"}


def opened(context: BrowserContext, served: Served) -> tuple[Page, list[str]]:
    """The page of the only run, reached by the printed address, and what it complains of."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(served.address)
    assert page.url == f"{served.origin}/"
    page.locator("#runs a").click()
    page.locator("#head").wait_for()
    return page, complaints


def state(page: Page, word: str) -> None:
    page.locator(f'#head .state.large[data-state="{word}"]').wait_for()


def step_state(page: Page, path: str, word: str) -> None:
    page.locator(f'#tree [data-step="{path}"] .state[data-state="{word}"]').wait_for(state="attached")
