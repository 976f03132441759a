"""The page around a run's data: one file, no request to anywhere, and no text of the run ever as markup.

The data is JSON in a script block that browsers do not run, with `<`, `>` and `&` escaped. The page's own scripts run
by their hash alone, and its policy forbids every connection: text that became markup would still not act.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Any

STYLES = ("theme.css", "page.css", "views.css", "live.css")
VIEWS = (
    "dom.js", "model.js", "theme.js", "head.js", "failures.js", "steps.js", "zoom.js", "details.js", "bars.js",
    "lanes.js", "chain.js", "timeline.js", "table.js", "main.js",
)  # fmt: skip
SCRIPTS = (*VIEWS, "start.js")
LIVE_SCRIPTS = (*VIEWS, "follow.js", "steer.js", "live.js")  #: a run as it happens, see `visual.page`
RUNS_SCRIPTS = ("dom.js", "theme.js", "follow.js", "runs.js")
_escapes = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def page(data: Mapping[str, Any], title: str, svg: str | None) -> str:
    """The page as text; `svg` is markup already made safe (see `visual.report.markup`)."""
    return assembled("page.html", SCRIPTS, data, title, svg)[0]


def assembled(frame: str, scripts: Iterable[str], data: Mapping[str, Any], title: str, svg: str | None = None,
              connect: str = "'none'") -> tuple[str, str]:  # fmt: skip
    """A page in the named frame with the named scripts, and its policy; `connect` says what it may ask for data."""
    style = "".join(map(_asset, STYLES))
    script = '(() => {\n"use strict";\n' + "".join(map(_asset, scripts)) + "})();\n"
    parts = {
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
                  f"form-action 'none'; connect-src {connect}",
        "title": html.escape(title),
        "style": style,
        "graph": svg or "",
        "data": json_block(data),
        "script": script,
    }  # fmt: skip
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset(frame))
    return text.encode("utf-8", "replace").decode("utf-8"), parts["policy"]


def json_block(data: Any) -> str:
    """Data as JSON that can stand in a script block whatever its texts are."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_escapes)


def _asset(name: str) -> str:
    return files("visual").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"
