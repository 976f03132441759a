"""What a notebook displays for a flow or a kernel program, found through the entry point `eventcore.notebook`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from eventcore.errors import EventcoreError, StoreError
from visual.graph.draw import Picture, draw


class Shown(Protocol):
    """An `Eventor` or a `Sequent`."""

    @property
    def document(self) -> str:
        """The stored program as JSON text."""

    @property
    def store(self) -> str:
        """Where it keeps its runs."""

    @property
    def run_id(self) -> str:
        """The id of its run; empty while it is not known."""


def bundle(program: Shown) -> dict[str, str]:
    """The picture of the program's run, before it has one of the program, by media type; else why there is none."""
    try:
        return _picture(program)._repr_mimebundle_()
    except EventcoreError as error:
        return {"text/plain": f"{program!r} cannot be drawn: {error}"}


def _picture(program: Shown) -> Picture:
    if program.run_id and Path(program.store).is_file():
        try:
            return draw(program.store, program.run_id)
        except StoreError:  # the run that is named is still to be made
            pass
    return draw(program)
