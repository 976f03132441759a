"""A step as requirements and references see it: its place in its flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Placed:
    """What a clause or a reference may name: a step of a flow."""

    name: str
    path: str  #: the names from the flow to it, joined with `/`
    depth: int  #: how many keys the sequences of its instances have
    loop: Any

    @property
    def containers(self) -> Sequence[Placed]:
        """The containers around it, nearest first."""
        raise NotImplementedError

    def named(self, name: str) -> Placed | None:
        """The step that it means by a name or path: the nearest of those that it may name; None where there is none."""
        raise NotImplementedError
