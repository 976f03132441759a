"""Which results of earlier iterations a step takes."""

from __future__ import annotations

from collections.abc import Iterator

from eventcore.define.program import Earlier
from sequent.language.placed import Placed
from sequent.language.previous import PreviousResult, back_of, place_of
from sequent.language.references import body_name
from sequent.language.results import ContainerResults, results_asked
from sequent.language.stand_in import sources_in


def earlier_in(written: object) -> tuple[Earlier, ...]:
    """What the references in `written` take of iterations before the present one."""
    found = (
        Earlier(step.path if step.loop is None else body_name(step.path), loop.path, back)
        for step, loop, back in _in(written)
    )
    return tuple(dict.fromkeys(found))


def _in(written: object) -> Iterator[tuple[Placed, Placed, int | None]]:
    for reference in sources_in(written):
        if isinstance(reference, PreviousResult):
            step, loop = place_of(reference)
            yield step, loop, back_of(reference)
        elif isinstance(reference, ContainerResults):
            container, step, is_inside = results_asked(reference)
            if is_inside:
                yield step, container, None
