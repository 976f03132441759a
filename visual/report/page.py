"""The page around a run's data: one file, no request to anywhere, and no text of the run ever as markup.

The data is JSON in a script block that browsers do not run, with `<`, `>` and `&` escaped. The page's own modules run
by a nonce that is new in each page, and its policy forbids every connection: text that became markup would still not
act.

The modules lie in `visual/assets/scripts` and import each other as `#page/folder/name.js`. In a page, an import map
says what such a name means: a `data:` address with the module's text. So one file holds them all, and the browser links
them.
"""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec

STYLES = ("theme.css", "page.css", "views.css", "live.css", "phone.css")
PREFIX = "#page/"  #: of the names by which modules import each other; `package.json` says the same to tools
_assets = files("visual").joinpath("assets")
_escapes = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


class Kind(msgspec.Struct, frozen=True):
    """A kind of page: its frame, the module that it begins with, and the folders that its modules are from."""

    frame: str
    entry: str
    folders: tuple[str, ...]


REPORT = Kind("run.html", "run/report.js", ("base", "run"))
LIVE = Kind("run.html", "live/live.js", ("base", "run", "live"))  #: a run as it happens, see `visual.page`
RUNS = Kind("runs.html", "live/runs.js", ("base", "live"))


def page(data: Mapping[str, Any], title: str, svg: str | None) -> str:
    """The page as text; `svg` is markup already made safe (see `visual.report.markup`)."""
    return assembled(REPORT, data, title, svg)[0]


def assembled(kind: Kind, data: Mapping[str, Any], title: str, svg: str | None = None,
              connect: str = "'none'") -> tuple[str, str]:  # fmt: skip
    """A page of this kind, and its policy; `connect` says what it may ask for data."""
    style = "".join(_assets.joinpath("styles", name).read_text(encoding="utf-8") for name in STYLES)
    nonce = secrets.token_urlsafe(16)
    parts = {
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src 'nonce-{nonce}'; base-uri 'none'; "
                  f"form-action 'none'; connect-src {connect}",
        "title": html.escape(title),
        "style": style,
        "graph": svg or "",
        "data": json_block(data),
        "nonce": nonce,
        "modules": json_block({"imports": dict(_modules(kind.folders))}),
        "entry": f"{PREFIX}{kind.entry}",
    }  # fmt: skip
    frame = _assets.joinpath("frames", kind.frame).read_text(encoding="utf-8")
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], frame)
    return text.encode("utf-8", "replace").decode("utf-8"), parts["policy"]


def json_block(data: Any) -> str:
    """Data as JSON that can stand in a script block whatever its texts are."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_escapes)


def _modules(folders: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What each module is imported as, and where it is; its name at the end is for the browser's own tools."""
    for folder in folders:
        for file in sorted(_assets.joinpath("scripts", folder).iterdir(), key=lambda file: file.name):
            name = f"{folder}/{file.name}"
            text = f"{file.read_text(encoding='utf-8')}//# sourceURL={name}\n"
            yield f"{PREFIX}{name}", f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"
