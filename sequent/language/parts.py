"""Parts of values: how they are written behind a reference, and how they are taken when the value is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from itertools import islice
from typing import Any, NamedTuple

from eventcore.define.sealed import Computed, Sealed, opened
from sequent.errors import PartError

SHOWN = 8  #: keys that an error lists


class Part(NamedTuple):
    """One step from a value to a part of it."""

    key: str | int | slice
    is_name: bool = False  #: written as `.key`; else as `[key]`

    def __str__(self) -> str:
        if self.is_name:
            return f".{self.key}"
        if not isinstance(self.key, slice):
            return f"[{self.key!r}]"
        ends = ["" if end is None else repr(end) for end in (self.key.start, self.key.stop)]
        return f"[{':'.join([*ends, *([] if self.key.step is None else [repr(self.key.step)])])}]"


def taken(value: Any, parts: tuple[Part, ...], shown: str) -> Any:
    """The part of a value to which the parts lead; what is sealed is opened where the step runs.

    `shown` is the reference to the value itself. Raises `PartError` for a part that is not there.
    """
    for number, part in enumerate(parts):
        if isinstance(value, Sealed):
            rest = ((one.key, one.is_name) for one in parts[number:])
            return Computed(_of_opened, (value, tuple(rest), _written(shown, parts[:number])))
        try:
            value = _named(value, part.key) if part.is_name else value[part.key]
        except PartError as error:
            raise PartError(f"{_written(shown, parts)}: {_written(shown, parts[: number + 1])} {error}") from None
        except (LookupError, TypeError, AttributeError):
            raise PartError(
                f"{_written(shown, parts)}: there is no {part}, because {_written(shown, parts[:number])} is "
                f"{described(value)}"
            ) from None
        except Exception as error:  # whatever a library's object raises
            said = " ".join(f"{type(error).__name__}: {error}".split())
            raise PartError(
                f"{_written(shown, parts)}: {part} cannot be taken of {_written(shown, parts[:number])}, which is "
                f"{described(value)} ({said})"
            ) from None
    return value


def _of_opened(value: Any, parts: Iterable[tuple[Any, bool]], shown: str) -> Any:
    return opened(taken(opened(value), tuple(Part(*part) for part in parts), shown))


def _named(value: Any, name: Any) -> Any:
    if isinstance(value, Mapping):
        return value[name]
    found = getattr(value, name)
    if callable(found):
        raise PartError(f"is a method of {described(value)}; call it in the function")
    return found


def _written(shown: str, parts: Iterable[Part]) -> str:
    return shown + "".join(map(str, parts))


def described(value: Any) -> str:
    """What a value is, in few words, for a message: its keys, its length or its type."""
    name = type(value).__name__
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        if not value:
            return f"an empty {name}"
        keys = ", ".join(_short(key) for key in islice(value, SHOWN))
        return f"a {name} with the keys {keys}" + (f" and {len(value) - SHOWN} more" if len(value) > SHOWN else "")
    if isinstance(value, (str, bytes, list, tuple, set, frozenset)) and isinstance(value, Sized):
        return f"a {name} of length {len(value)}"
    return f"of type {name}"


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 40 else f"{text[:37]}..."
