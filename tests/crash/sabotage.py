"""Stopping an engine at a chosen moment, and reading what the store then knows."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from eventcore.record.turns import TurnWriter
from eventcore.record.units import SharedUnits
from eventcore.run.dispatcher import Dispatcher

Instance = tuple[str, str]


class Crash(BaseException):
    """The engine stops here; nothing in it may catch this."""


def crash() -> None:
    """Stop the engine by an exception."""
    raise Crash


@contextmanager
def crash_at(moment: int, how: Callable[[], None] = crash) -> Iterator[None]:
    """Crash at so many moments from now: before and after each commit, dispatch and exchange of shared units."""
    passed = 0

    def passes() -> None:
        nonlocal passed
        passed += 1
        if passed == moment:
            how()

    def around(method: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            passes()
            found = method(*args)
            passes()
            return found

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TurnWriter, "write", around(TurnWriter.write))
        patch.setattr(SharedUnits, "exchange", around(SharedUnits.exchange))
        patch.setattr(Dispatcher, "start", around(Dispatcher.start))
        yield


def rows(store: Path, query: str, *values: object) -> list[Any]:
    """Read the store as any other program would."""
    with closing(sqlite3.connect(store, timeout=30)) as connection:
        return connection.execute(query, values).fetchall()


def statuses(store: Path) -> dict[Instance, str]:
    """The latest status of every step that users see; what is skipped was a success."""
    query = "SELECT step, sequence, status FROM eventcore_tasks ORDER BY recovery"
    words = {(step, sequence): status for step, sequence, status in rows(store, query)}
    return {
        key: "success" if word == "skipped" else word
        for key, word in words.items()
        if "#" not in key[0] or key[0].endswith("#body")
    }


def successes(store: Path) -> set[Instance]:
    """What is recorded as done."""
    return {(step.removesuffix("#body"), at) for (step, at), word in statuses(store).items() if word == "success"}
