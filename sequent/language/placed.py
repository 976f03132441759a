"""A step as requirements and references see it: its place in its flow."""

from __future__ import annotations

from typing import Any


class Placed:
    """What a clause or a reference may name: a step of a flow."""

    name: str
    path: str  #: the names from the flow to it, joined with `/`
    depth: int  #: how many keys the sequences of its instances have
    loop: Any
