"""How a program shows itself in a notebook: by whichever package offers to, found by its entry point when one asks."""

from __future__ import annotations

from importlib.metadata import entry_points

GROUP = "eventcore.notebook"  #: functions from a program to what a notebook shows, by media type


def shown(program: object) -> dict[str, str]:
    """What a notebook shows of a program, by media type; its plain text where no package offers more."""
    for point in entry_points(group=GROUP):
        found: dict[str, str] = point.load()(program)
        return found
    return {"text/plain": repr(program)}
