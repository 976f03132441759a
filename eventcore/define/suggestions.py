"""What a message says of an unknown step: which one was probably meant, or which there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

SHOWN = 10  #: names of steps or events in a message
CHOICES = 3  #: names that are suggested


def no_step(path: str, known: Sequence[str]) -> str:
    """That a program does not have the step, and what to name instead."""
    return f"the program has no step {path!r}; {suggestion(path, known)}"


def no_instance(path: str, sequence: str | None, known: Sequence[str]) -> str:
    """That a run has not reached an instance that is to run again, and which ones of the step it has."""
    if not known:
        return f"the run has not reached {path}, so there is nothing to run again; `sequent status` shows what it has"
    return f"the run has no instance of {path}@{sequence} to run again; it has {path}@{some_of(known, ', @')}"


def some_of(names: Sequence[str], between: str = ", ") -> str:
    """The first few of the names."""
    return between.join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def suggestion(path: str, known: Iterable[str], none: str = "none", have: str = "it has") -> str:
    """The names that are similar as a question, else the first few of all, after `have`."""
    names = list(known)
    if near := similar(path, names):
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"{have} {some_of(names) or none}"


def similar(path: str, known: Sequence[str]) -> list[str]:
    """Those that were probably meant: paths that end with this one, else the most similar."""
    if inner := [name for name in known if name.endswith(f"/{path}")]:
        return inner[:CHOICES]
    by_name: dict[str, list[str]] = {}
    for name in known:
        by_name.setdefault(name.rpartition("/")[2], []).append(name)
    by_path = {name: [name] for name in known}
    for choices in (by_path, by_name) if "/" in path else (by_name, by_path):
        if near := get_close_matches(path.rpartition("/")[2] if choices is by_name else path, choices, 1):
            return choices[near[0]][:CHOICES]
    return []
