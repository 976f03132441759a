"""Sequences that are chosen for triggers without one, by the program and for its users: no two meet."""

from __future__ import annotations

from collections.abc import Iterable


class Sequences:
    """Who takes a sequence first has it; any thread may ask."""

    def __init__(self) -> None:
        self._by_program: dict[str, bool] = {}

    def take(self, sequence: str, *, by_program: bool) -> bool:
        """Take a sequence for the program, or else for its users; False where the other side has it."""
        return self._by_program.setdefault(sequence, by_program) is by_program  # one step, so that threads may meet

    def taken_by_users(self, sequences: Iterable[str]) -> None:
        """Note those that users have had before."""
        for sequence in sequences:
            self.take(sequence, by_program=False)
