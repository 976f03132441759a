"""Checks of what users hand to a program object and to `run`."""

from __future__ import annotations

from collections.abc import Collection
from types import NoneType

from eventcore.act.observer import EVERYTHING, Observer
from eventcore.errors import ConfigError


def check(name: str, value: object, kind: type | tuple[type, ...]) -> None:
    """Raise `ConfigError` for an argument of another type; True and False are no numbers."""
    if not isinstance(value, kind) or isinstance(value, bool):
        known = kind if isinstance(kind, tuple) else (kind,)
        kinds = " or ".join(one.__name__ for one in known if one is not NoneType)
        raise ConfigError(f"{name} must be of type {kinds}, not {value!r}")


def checked_observer(observer: object) -> Observer:
    """The observer; raises `ConfigError` for any other object, and for one that asks for notices that there are not."""
    if not isinstance(observer, Observer):
        raise ConfigError(f"an observer must be an object of a subclass of eventcore.Observer, not {observer!r}")
    kinds: object = observer.kinds
    known = tuple(EVERYTHING)
    if not isinstance(kinds, Collection) or not all(isinstance(k, type) and issubclass(k, known) for k in kinds):
        raise ConfigError(
            f"the kinds of observer {type(observer).__name__} must be a collection of the classes in "
            f"eventcore.act.observer.EVERYTHING, not {kinds!r}"
        )
    return observer


def given(shared_db: bool | None, logging_level: int | str | None) -> dict[str, object]:
    """The configuration keys that are arguments of their own, as far as they are given."""
    values = {"shared_db": shared_db, "logging_level": logging_level}
    return {key: value for key, value in values.items() if value is not None}
