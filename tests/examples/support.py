"""Running examples as programs of their own, and reading what they log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

LOG_LINE = re.compile(r"\[ [-:.,\d ]+ \]\[ (?P<origin>\S+) +\]\[ (?P<level>\w+) +\]\[ (?P<message>.*)")

RunExample = Callable[..., subprocess.CompletedProcess[str]]


def messages(output: str) -> list[str]:
    """The messages of the log lines, without times, processes and levels, as the seed's notes compare runs."""
    found = (LOG_LINE.match(line) for line in output.splitlines())
    return [match["message"].removesuffix(" ]") for match in found if match]


def run_python(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the real interpreter in a folder."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=cwd, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
