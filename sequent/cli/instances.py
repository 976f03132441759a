"""From `PATH[@SEQ]` on the command line to a step of a run, and perhaps one instance of it."""

from __future__ import annotations

from collections.abc import Container, Iterable

import msgspec

from eventcore.define.suggestions import suggestion
from eventcore.record.views import RunView
from sequent.cli.parameters import TargetError


class Named(msgspec.Struct, frozen=True):
    """A step's path, and the sequence of one instance where it was given."""

    path: str
    sequence: str | None = None

    def covers(self, path: str, sequence: str) -> bool:
        """Whether an instance is the named one, or stands inside it."""
        if path != self.path and not path.startswith(f"{self.path}/"):
            return False
        return self.sequence is None or f"{sequence}.".startswith(f"{self.sequence}.")


def split(text: str, known: Container[str]) -> Named:
    """`PATH` or `PATH@SEQ`; the name of a `known` step may have an `@` itself. Raises `TargetError` for `PATH@`."""
    path, separator, sequence = text.rpartition("@")
    if text in known or not separator:
        return Named(text)
    if not sequence:
        raise TargetError(f"{text!r} has no sequence after the '@'; write PATH for all instances, or PATH@SEQ for one")
    return Named(path, sequence)


def named_instance(text: str, paths: Iterable[str], run: RunView) -> Named:
    """The step of the run that `text` names, and perhaps a sequence; raises `TargetError` for an unknown step."""
    known = list(paths)
    named = split(text, known)
    if named.path in known:
        return named
    hint = suggestion(named.path, known, "no steps")
    raise TargetError(f"run {run.run_id!r} has no step {named.path!r}; {hint}")
