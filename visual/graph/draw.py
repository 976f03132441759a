"""`draw`: the picture of a program, or of a run in a store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

import msgspec

from eventcore.define.stored import read
from eventcore.record.reading import Reader, reading
from visual.errors import PictureError
from visual.graph.dot import dot_text
from visual.graph.effort import check_effort
from visual.graph.layout import Graph, graph_of
from visual.graph.mermaid import mermaid_text
from visual.graph.render import FORMATS, rendered
from visual.reading import standings, unreached

TEXTS = ("dot", "mermaid")  #: formats that need no Graphviz
ENDINGS = {"mmd": "mermaid", "gv": "dot"}


class Drawable(Protocol):
    """A program that can say what it is as data: an `Eventor` or a `Sequent`."""

    @property
    def document(self) -> str:
        """The stored program as JSON text."""


class Picture(msgspec.Struct, frozen=True):
    """A drawn program or run; notebooks display it."""

    graph: Graph

    @property
    def dot(self) -> str:
        """The picture as DOT text."""
        return dot_text(self.graph)

    @property
    def mermaid(self) -> str:
        """The picture as a Mermaid flowchart."""
        return mermaid_text(self.graph)

    def render(self, format: str = "svg") -> bytes:
        """The picture as SVG, PNG or PDF, or its text as DOT or Mermaid; raises `PictureError`."""
        word = ENDINGS.get(format, format)
        if word == "dot":
            return self.dot.encode()
        if word == "mermaid":
            return self.mermaid.encode()
        check_effort(self.graph)
        return rendered(self.dot, word)

    def save(self, path: str | Path) -> Path:
        """Write the picture in the format that the file's name ends in; returns the path. Raises `PictureError`."""
        target = Path(path)
        target.write_bytes(self.render(format_of(target)))
        return target

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook shows: the picture, or where it cannot be made its text, which newer notebooks draw."""
        try:
            return {"image/svg+xml": self.render("svg").decode()}
        except PictureError:
            return {"text/vnd.mermaid": self.mermaid, "text/plain": self.dot}


def format_of(path: Path) -> str:
    """The format that a file's name ends in; SVG where it has no ending. Raises `PictureError` for an unknown one."""
    ending = path.suffix.removeprefix(".").lower() or "svg"
    word = ENDINGS.get(ending, ending)
    if word not in (*FORMATS, *TEXTS):
        known = ", ".join((*FORMATS, *TEXTS))
        raise PictureError(f"{path}: format {ending!r} is unknown; use a name that ends in one of {known}, mmd")
    return word


def draw(
    subject: Drawable | str | Path, run_id: str | None = None, *, kernel: bool = False, unfold: bool = False,
    path: str | None = None, depth: int | None = None,
) -> Picture:  # fmt: skip
    """Draw a program, or the run of a store: the one named by `run_id`, by default your latest.

    `kernel` draws the events and steps that a flow was compiled to. In large graphs many steps alike are drawn as one,
    with their counts by state; `unfold` draws each. With a `path`, only that step, all inside and its neighbours are
    drawn; with a `depth`, containers that are inside `depth` - 1 others are closed.

    Raises `eventcore.errors.StoreError` for a store or a run that is not there, `PictureError` for an unknown path, a
    depth below 1, and when rendering.
    """
    if depth is not None and depth < 1:
        raise PictureError(f"a depth of {depth} leaves nothing to draw; give one of 1 or more")
    if not isinstance(subject, (str, Path)):
        program = read(subject.document)
        return Picture(graph_of(program, program.name, kernel=kernel, unfold=unfold, path=path, depth=depth))
    with reading(str(subject)) as reader:
        return drawn_run(reader, run_id, kernel=kernel, unfold=unfold, path=path, depth=depth)


def drawn_run(
    reader: Reader, run_id: str | None, *, kernel: bool = False, unfold: bool = False, path: str | None = None,
    depth: int | None = None,
) -> Picture:  # fmt: skip
    """Draw a run of an open store; see `draw`."""
    run = reader.run(run_id, time.time())
    title = f"{run.program}, run {run.run_id}: {run.state}"
    known = standings(reader, run)
    program = reader.program(run)
    return Picture(
        graph_of(program, title, known, unreached(run), kernel=kernel, unfold=unfold, path=path, depth=depth)
    )
