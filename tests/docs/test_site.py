"""The documentation as a site: it is built offline and without a warning, and every link in it leads somewhere."""

from __future__ import annotations

import html
import inspect
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import cache, partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

import eventcore
import sequent
import visual
from tests.docs.pages import anchors_of, links_of
from tests.services.served import LONG
from tests.support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: mkdocs where no connection can be made
OFFLINE_BUILD = """
import sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise OSError(f"the build uses the network: {event} {arguments[-2:]}")

sys.addaudithook(refuse)
from mkdocs.__main__ import cli

cli()
"""

MISTAKES = {
    "[there](nowhere.md)": "nowhere.md",
    "[there](#nowhere)": "#nowhere",
    "[there][sequent.nowhere]": "sequent.nowhere",
    "::: sequent.nowhere": "sequent.nowhere",
}


class Page(HTMLParser):
    """A built page: where it links to, what it loads, and the anchors it has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors = {""}
        self.text = file.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        target = found.get("href") or found.get("src")
        if target is not None:
            (self.links if tag == "a" else self.loads).append(target)


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` does, but offline."""
    arguments = ("build", "--strict", "--config-file", str(config), "--site-dir", str(site))
    return subprocess.run(
        [sys.executable, "-c", OFFLINE_BUILD, *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("documentation") / "site"
    done = build(ROOT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@cache
def page(file: Path) -> Page:
    return Page(file)


def is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def test_every_link_of_a_page_leads_somewhere(site: Path) -> None:
    checked = 0
    for file in site.rglob("*.html"):
        for link in (link for link in page(file).links if not is_elsewhere(link)):
            address, anchor = urldefrag(link)
            path = unquote(address)
            target = site / path[1:] if path.startswith("/") else (file.parent / path if path else file)
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{file.name}: {link}"
            assert target.suffix != ".html" or unquote(anchor) in page(target).anchors, f"{file.name}: {link}"
            checked += 1
    assert checked > 1000


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for file in site.rglob("*.html"):
        assert [load for load in page(file).loads if is_elsewhere(load)] == [], file.name
        assert 'class="mermaid' not in page(file).text  # the theme would load a script for it
    for file in site.rglob("*.css"):
        urls = re.findall(r"(?:@import\s*|url\()[\"']?([^\"')\s]+)", file.read_text(encoding="utf-8"))
        assert [url for url in urls if is_elsewhere(url)] == [], file.name


def test_a_browser_finds_what_it_searches_for_and_asks_nobody_else(site: Path, browser: Browser) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = f"http://127.0.0.1:{server.server_port}/"
    asked, errors = list[str](), list[str]()
    try:
        tab = browser.new_page()
        tab.set_default_timeout(LONG)
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(f"{own}index.html")
        tab.locator(".md-search__input").click()
        tab.get_by_text("Type to start searching").wait_for()  # what is written before that is not heard
        tab.locator(".md-search__input").press_sequentially("idempotency key")
        found = tab.locator(".md-search-result__item").first.inner_text()
        tab.close()
    finally:
        server.shutdown()
        server.server_close()
    assert "idempotency" in found.lower()
    assert errors == []
    assert [url for url in asked if not url.startswith((own, "blob:", "data:"))] == []
    assert any("search_index" in url for url in asked)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and does not log it."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize("package", [eventcore, sequent, visual], ids=lambda package: package.__name__)
def test_every_public_name_is_on_a_page_with_its_docstring(package: ModuleType, site: Path) -> None:
    pages = [page(file) for file in (site / "api").glob("*.html")]
    described = set().union(*(page.anchors for page in pages))
    words = "".join(letters(html.unescape(re.sub("<[^>]+>", "", page.text))) for page in pages)
    for name in package.__all__:
        value = getattr(package, name)
        assert {f"{package.__name__}.{name}", f"{getattr(value, '__module__', '')}.{name}"} & described, name
        if getattr(value, "__name__", "") == name:  # not a constant, and not another spelling
            assert letters((inspect.getdoc(value) or "").partition("\n")[0]) in words, name


def test_what_is_private_is_on_no_page(site: Path) -> None:
    for file in (site / "api").glob("*.html"):
        names = [anchor for anchor in page(file).anchors if anchor.startswith(("eventcore.", "sequent.", "visual."))]
        assert names != []
        assert [name for name in names if "._" in name] == []


def letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_the_build(mistake: str, tmp_path: Path) -> None:
    done = build(small(tmp_path, index=f"# Home\n\n{mistake}\n"), tmp_path / "site")
    assert done.returncode != 0
    assert MISTAKES[mistake] in done.stdout + done.stderr


def test_a_page_that_the_navigation_leaves_out_ends_the_build(tmp_path: Path) -> None:
    config = small(tmp_path, index="# Home\n")
    assert build(config, tmp_path / "site").returncode == 0
    (tmp_path / "docs/forgotten.md").write_text("# Forgotten\n")
    done = build(config, tmp_path / "site")
    assert done.returncode != 0
    assert "forgotten.md" in done.stdout + done.stderr


def small(folder: Path, index: str) -> Path:
    """The configuration of a site of one page, with the settings of the real one."""
    (folder / "docs").mkdir()
    (folder / "docs/index.md").write_text(index)
    config = folder / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: docs\nnav: [index.md]\n")
    return config


def relative_links() -> Iterator[tuple[str, str]]:
    """The links of the files that are read in the repository and not on the site."""
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for link in links_of((ROOT / name).read_text(encoding="utf-8")):
            if not is_elsewhere(link):
                yield name, link


@pytest.mark.parametrize(("name", "link"), list(relative_links()))
def test_links_of_the_files_beside_the_documentation_lead_somewhere(name: str, link: str) -> None:
    address, anchor = urldefrag(link)
    target = ROOT / (address or name)
    assert target.exists()
    assert not anchor or anchor in anchors_of(target.read_text(encoding="utf-8"))


def test_the_picture_of_the_design_is_the_one_that_its_source_describes() -> None:
    pictures = ROOT / "docs/pictures"
    for source in pictures.glob("*.dot"):
        drawn = html.unescape(source.with_suffix(".svg").read_text(encoding="utf-8"))
        for label in re.findall(r'label="([^"]+)"', source.read_text(encoding="utf-8")):
            assert f">{label}</text>" in drawn, f"draw {source.name} again: {label!r} is missing"
