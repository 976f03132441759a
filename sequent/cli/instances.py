"""From `PATH[@SEQ]` on the command line to a step of a run, and perhaps one instance of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

from eventcore.record.views import RunView
from sequent.cli.target import TargetError


class Named(msgspec.Struct, frozen=True):
    """A step's path, and the sequence of one instance where it was given."""

    path: str
    sequence: str | None = None

    def covers(self, path: str, sequence: str) -> bool:
        """Whether an instance is the named one, or stands inside it."""
        if path != self.path and not path.startswith(f"{self.path}/"):
            return False
        return self.sequence is None or f"{sequence}.".startswith(f"{self.sequence}.")


def split(text: str) -> tuple[str, str | None]:
    """`PATH` or `PATH@SEQ` as a path and a sequence."""
    path, separator, sequence = text.rpartition("@")
    return (path, sequence) if separator else (text, None)


def named_instance(text: str, paths: Iterable[str], run: RunView) -> Named:
    """The step that `text` names, and the sequence after its last `@`; raises `TargetError` where there is none."""
    known = list(paths)
    if text in known:
        return Named(text)
    path, separator, sequence = text.rpartition("@")
    if separator and path in known and sequence:
        return Named(path, sequence)
    close = difflib.get_close_matches(path or text, known, 1)
    some = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
    hint = f"did you mean {close[0]!r}?" if close else f"it has {some or 'no steps'}"
    raise TargetError(f"run {run.run_id!r} has no step {path or text!r}; {hint}")
