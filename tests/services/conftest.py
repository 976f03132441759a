"""What the service tests run on. A service that is missing is a skip with its remedy; with CI=true it is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def not_there(what: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, the system's own."""
    chromium = shutil.which("chromium")
    if chromium is None:
        not_there("there is no Chromium; as root, `sh tests/services/packages.sh` installs it")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        not_there("there is no Playwright for Python; pip install '.[test]'")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield found
        found.close()
