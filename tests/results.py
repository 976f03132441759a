"""Results of steps as references ask for them, without a run."""

from collections.abc import Mapping
from typing import Any

from eventcore.define.reference import Lookup, LoopKeys


class Results(Lookup):
    """Knows the results of steps outside loops by their names, and notes for which it was asked."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known
        self.asked: list[str] = []

    def result(self, step: str, sequence: str) -> Any:
        """See `Lookup`."""
        self.asked.append(step)
        return self.known[step]

    def size(self, container: str, sequence: str) -> int:
        """See `Lookup`."""
        raise NotImplementedError

    def value(self, event: str, sequence: str) -> Any:
        """See `Lookup`."""
        raise NotImplementedError

    def item(self, container: str, sequence: str, key: str) -> Any:
        """See `Lookup`."""
        raise NotImplementedError

    def keys(self, container: str, sequence: str) -> LoopKeys:
        """See `Lookup`."""
        raise NotImplementedError

    def results_in(self, step: str, around: str) -> Mapping[str, Any]:
        """See `Lookup`."""
        raise NotImplementedError

    def keys_in(self, container: str, around: str) -> Mapping[str, LoopKeys]:
        """See `Lookup`."""
        raise NotImplementedError

    def key_before(self, container: str, sequence: str, key: str, back: int) -> str | None:
        """See `Lookup`."""
        raise NotImplementedError
