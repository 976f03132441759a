"""The runs that an engine leaves to others: those that it cannot load, and those that its processes die of."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path

from eventcore.record.submitted import Waiting
from sequent.cli.run_entry import Result

MOST_DEATHS = 3  #: processes that may die over a run before it is left to others

Stamp = tuple[int, int] | None  #: of a program's file: when it was changed, and its size; None where there is none


class LeftRuns:
    """What an engine knows of runs that it has tried; it forgets that when it ends."""

    def __init__(self) -> None:
        self._unloaded: dict[tuple[str | None, int], Stamp] = {}  #: by what is loaded, and what was submitted
        self._tried: set[tuple[int, str | int]] = set()
        self._deaths: Counter[int] = Counter()

    def is_left(self, run: Waiting) -> bool:
        """Whether the run is left to others.

        What could not be loaded is tried again when the program's file has changed; its modules are not looked at.
        """
        key = run.source, run.document
        if key in self._unloaded and self._unloaded[key] == _stamp(run):
            return True
        return self._deaths[run.id] >= MOST_DEATHS or _turn_of(run) in self._tried

    def verdict(self, run: Waiting, result: Result | str, *, is_ending: bool) -> str:
        """What became of a run that this engine had taken up, in words."""
        if isinstance(result, str):
            return self._died(run, f"its process died ({result})")
        if result.left is not None:
            self._unloaded[run.source, run.document] = _stamp(run)
            return f"left to other engines: {result.left}"
        if result.error is not None:
            return self._died(run, result.error)
        if not is_ending and (result.state == "pending" or run.rerun is not None):
            self._tried.add(_turn_of(run))  # else it would be taken up again at once, and for ever
        return result.state or "over"

    def _died(self, run: Waiting, how: str) -> str:
        self._deaths[run.id] += 1
        if self._deaths[run.id] >= MOST_DEATHS:
            return f"{how}; left to other engines, as {MOST_DEATHS} processes have come to that here"
        return f"{how}; it is taken up again"


def _turn_of(run: Waiting) -> tuple[int, str | int]:
    return run.id, run.verdict.value if run.rerun is None else run.rerun


def _stamp(run: Waiting) -> Stamp:
    """That of the file that the program is in; of a module, always the same."""
    with suppress(ValueError, TypeError, OSError):
        target = json.loads(run.source or "{}").get("target", "")
        file = target if target.endswith(".py") else target.rpartition(":")[0]
        if file.endswith(".py"):
            found = Path(file).stat()
            return found.st_mtime_ns, found.st_size
    return None
