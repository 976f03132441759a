"""`draw`: the picture of a program, or of a run in a store."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from eventcore.record.reading import reading
from visual.dot import dot_text
from visual.graph import Graph, graph_of
from visual.render import rendered
from visual.standing import standings, unreached


class Drawable(Protocol):
    """A program that can say what it is as data: an `Eventor` or a `Sequent`."""

    @property
    def document(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn program or run; a notebook shows it by itself."""

    graph: Graph

    @property
    def dot(self) -> str:
        """The picture as DOT text."""
        return dot_text(self.graph)

    def render(self, format: str = "svg") -> bytes:
        """The picture as SVG, PNG or PDF; raises `PictureError`."""
        return self.dot.encode() if format == "dot" else rendered(self.dot, format)

    def save(self, path: str | Path) -> Path:
        """Write the picture in the format that the file's name ends in; returns the path. Raises `PictureError`."""
        target = Path(path)
        target.write_bytes(self.render(target.suffix.removeprefix(".").lower() or "svg"))
        return target

    def _repr_svg_(self) -> str:
        return self.render("svg").decode()


def draw(subject: Drawable | str | Path, run_id: str | None = None) -> Picture:
    """Draw a program, or the run of a store: the one named by `run_id`, by default the latest.

    Raises `eventcore.errors.StoreError` for a store or a run that is not there, `PictureError` when rendering.
    """
    if not isinstance(subject, (str, Path)):
        document = json.loads(subject.document)
        return Picture(graph_of(document, document["name"]))
    with reading(str(subject)) as reader:
        run = reader.run(run_id, time.time())
        document = reader.document(run)
        title = f"{run.program} - run {run.run_id}: {run.state}"
        return Picture(graph_of(document, title, standings(reader, run), unreached(run)))
