"""Which picture `graph` is asked for: a run's, or the flow's own."""

from __future__ import annotations

from pathlib import Path

from sequent.cli.target import load_program, pairs, parse_target, store_of
from visual.draw import Picture, draw


def picture_of(
    target: str, store: str | None, run_id: str | None, program_only: bool, parameters: tuple[str, ...]
) -> Picture:
    """The run of the target's store where there is one and the flow was not asked for by itself."""
    parsed = parse_target(target)
    if not program_only and not parameters:
        location = store_of(parsed, store)
        if store is not None or run_id is not None or parsed.store is not None or Path(location).is_file():
            return draw(location, run_id)
    return draw(load_program(parsed, pairs(parameters, "--param"), run_id))
