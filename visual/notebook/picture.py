"""The picture of a program in a notebook."""

from __future__ import annotations

from eventcore.errors import EventcoreError, StoreError
from eventcore.run.notebook import Shown
from visual.graph.draw import Picture, draw, drawn_run


def bundle(program: Shown) -> dict[str, str]:
    """The picture of the program's run, before it has one of the program, by media type; else why there is none."""
    try:
        return _picture(program)._repr_mimebundle_()
    except EventcoreError as error:
        return {"text/plain": f"{program!r} cannot be drawn: {error}"}


def _picture(program: Shown) -> Picture:
    if program.run_id:
        try:
            with program.reading() as reader:
                return drawn_run(reader, program.run_id)
        except StoreError:  # the run is still to be made, or it was in memory
            pass
    return draw(program)
