"""From DOT to pictures: by Graphviz's `dot`, else by the Graphviz that the `pygraphviz` wheel brings along.

Either runs as a process of its own with a time limit, since laying out can take for ever.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec

from visual.errors import PictureError

TIME_LIMIT = 60.0  #: seconds
FORMATS = ("svg", "png", "pdf")

_BUNDLED = """\
import sys
from pygraphviz import AGraph
sys.stdout.buffer.write(AGraph(string=sys.stdin.buffer.read().decode()).draw(format=sys.argv[1], prog="dot"))
"""


def rendered(dot: str, format: str) -> bytes:
    """The picture; raises `PictureError` where the machine has no Graphviz, or it does not end in time."""
    command = _command(format)
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise PictureError(
            f"laying out the picture took more than {TIME_LIMIT:g} s; write it as DOT and lay it "
            "out with something faster, such as sfdp"
        ) from None
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise PictureError(f"Graphviz could not draw the picture: {said[-1] if said else 'it gave no reason'}")
    return done.stdout


def _command(format: str) -> list[str]:
    if format not in FORMATS:
        raise PictureError(f"format {format!r} is unknown; use dot, mermaid, {', '.join(FORMATS)}")
    program = shutil.which("dot")
    if program is not None:
        return [program, f"-T{format}"]
    if find_spec("pygraphviz") is not None:
        return [sys.executable, "-P", "-c", _BUNDLED, format]
    raise PictureError(
        "there is no Graphviz on this machine; install it (package graphviz), or the extra 'pictures' of this package, "
        "or take the text (a name ending in .dot or .mmd) to where it can be drawn"
    )
