"""Colours of states, the same in every kind of picture; the text says the state in words, too."""

from __future__ import annotations

import msgspec


class Look(msgspec.Struct, frozen=True):
    """Fill and border of a state; the text on it is dark in light and dark surroundings."""

    fill: str
    border: str
    width: float = 1.0


INK = "#1f2328"
MUTED = "#57606a"
PLAIN = Look("#ffffff", "#6e7781")
STATES = {
    "success": Look("#d5efd8", "#2f7d3b"),
    "failure": Look("#fad4d0", "#b3261e", 2.0),
    "failure, handled": Look("#fde3c8", "#9a5b00", 2.0),
    "active": Look("#cfe3fa", "#1f5fa8", 2.0),
    "ready": Look("#fdf1c7", "#8a6d00"),
    "interrupted": Look("#f1d9f4", "#86329a", 2.0),
    "cancelled": Look("#e1e1e1", "#6b6b6b"),
    "omitted": Look("#e1e1e1", "#6b6b6b"),
    "not reached": Look("#f1f1f1", "#8c8c8c"),
    "waiting": Look("#ffffff", "#8c8c8c"),
}
#: containers are paler than what is in them
BOXES = {
    "success": Look("#f1faf2", "#2f7d3b"),
    "failure": Look("#fef1f0", "#b3261e", 2.0),
    "failure, handled": Look("#fff7ee", "#9a5b00", 2.0),
    "active": Look("#eff6fe", "#1f5fa8", 2.0),
    "ready": Look("#fefaeb", "#8a6d00"),
    "interrupted": Look("#faf2fb", "#86329a", 2.0),
    "cancelled": Look("#f4f4f4", "#6b6b6b"),
    "omitted": Look("#f4f4f4", "#6b6b6b"),
    "not reached": Look("#fafafa", "#8c8c8c"),
    "waiting": Look("#fcfcfc", "#8c8c8c"),
}
CONTAINER = Look("#f8f9fa", "#8c959f")


def look_of(state: str | None, *, box: bool = False) -> Look:
    """The look of a node or a box in a state, or of one that has none."""
    if box:
        return BOXES.get(state or "", CONTAINER)
    return STATES.get(state or "", PLAIN)
