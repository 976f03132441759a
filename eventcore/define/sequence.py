"""Sequences: the text that tells the instances of one step apart.

A sequence is dot-separated keys, such as `3` or `1.2.1`; one encloses those that go on from it: `1` and `1.2` enclose
`1.2.1`.
"""

from typing import TypeGuard

from eventcore.errors import ProgramError


def is_name(value: object) -> TypeGuard[str]:
    """Whether it is text that stores and environments can hold: not empty, without NUL and lone surrogates."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def as_sequence(value: object) -> str:
    """`value`, an int or a text of dot-separated keys, as a sequence; raises `ProgramError` for anything else."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not is_name(text) or not all(text.split(".")):
        raise ProgramError(f"{value!r} is not a sequence; use an int or dot-separated keys such as '1.2'")
    return text


def enclosing(sequence: str) -> list[str]:
    """The sequences that enclose this one, nearest first: `1.2`, `1` for `1.2.1`."""
    found = []
    while (cut := sequence.rfind(".")) >= 0:
        sequence = sequence[:cut]
        found.append(sequence)
    return found


def is_at(sequence: str, outer: str) -> bool:
    """Whether a sequence is the other one, or enclosed by it."""
    return sequence == outer or sequence.startswith(f"{outer}.")


def natural(sequence: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that puts `1.10` after `1.9`."""
    return tuple((0, int(key), "") if key.isascii() and key.isdigit() else (1, 0, key) for key in sequence.split("."))
