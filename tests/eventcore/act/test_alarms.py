"""Calls that are due at some time."""

import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from eventcore.act.alarms import Alarms

LATER = 86400.0


@pytest.fixture
def alarms() -> Iterator[Alarms]:
    alarms = Alarms()
    yield alarms
    alarms.close()


def test_a_dropped_call_is_not_made_and_the_others_are_in_their_order(alarms: Alarms) -> None:
    made, over = list[str](), threading.Event()
    alarms.set(0.3, over.set)
    alarms.set(0.2, lambda: made.append("second"))
    dropped = alarms.set(0.1, lambda: made.append("dropped"))
    alarms.set(0.1, lambda: made.append("first"))
    alarms.cancel(dropped)
    assert over.wait(60)
    assert made == ["first", "second"]


def test_dropped_calls_take_no_room_until_they_would_be_due(alarms: Alarms) -> None:
    alarms.set(LATER, print)
    tracemalloc.start()
    for _ in range(20_000):
        alarms.cancel(alarms.set(LATER, print))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200_000
