"""Units of shared pools as rows: the claims of one engine, whose transaction may have to be made again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from eventcore.decide.changes import UnitChanges
from eventcore.define.pools import ResourcePool
from eventcore.errors import LeaseLostError
from eventcore.record import lease, units
from eventcore.record.database import transaction
from eventcore.record.patience import cause
from eventcore.record.pools import declare
from eventcore.record.schema import pools, runs
from eventcore.record.schema import units as table
from eventcore.record.server import IDLE
from eventcore.record.store import opened
from tests.eventcore.record.places import Place

A, B = ("a", "1"), ("b", "1")


def shared_units(place: Place, run_id: str = "run") -> units.SharedUnits:
    """Those of a run that has a pool of one unit."""
    store, holder = place.store, lease.this_engine()
    known = declare(store.connection, "program", [ResourcePool("p", 1, scope="cluster")], holder.host)
    row = store.create_run(run_id, "program", None, "{}", holder, 60.0, 0.0)
    return units.SharedUnits(store.connection, row, holder, known)


def asked(*keys: tuple[str, str]) -> UnitChanges:
    return UnitChanges(asked=[(key, {"p": 1}, True) for key in keys])


def rows(place: Place) -> list[tuple[Any, ...]]:
    query = select(table.c.step, table.c.state).order_by(table.c.asked)
    return [tuple(row) for row in place.store.connection.execute(query)]


class Unanswered:
    """A database that does what it is told, whose answer is lost the first time."""

    def tried(self, work: Callable[[bool], Any]) -> Any:
        work(False)
        return work(True)


def test_an_exchange_whose_answer_was_lost_grants_nothing_twice_and_forgets_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shared_units(place)
    monkeypatch.setattr(units, "patience_of", lambda _: Unanswered())
    assert found.exchange(asked(A, B), 1.0) == ([A], {"p": 1})
    assert rows(place) == [("a", "held"), ("b", "waiting")]
    assert found.exchange(UnitChanges(held=[("p", A, 0)]), 2.0)[0] == [B]
    assert rows(place) == [("b", "held")]
    assert found.exchange(UnitChanges(held=[("p", B, 0)]), 3.0)[0] == []
    assert rows(place) == []


def test_what_was_granted_unheard_is_not_set_aside(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    found = shared_units(place)
    found.exchange(asked(A, B), 1.0)
    monkeypatch.setattr(units, "patience_of", lambda _: Unanswered())
    changes = UnitChanges(held=[("p", A, 0)], moved=[(B, True)])
    assert found.exchange(changes, 2.0)[0] == [B]
    assert rows(place) == [("b", "held")]


def test_an_engine_that_has_lost_its_run_is_granted_nothing(place: Place) -> None:
    found = shared_units(place)
    place.store.connection.execute(update(runs).values(holder="another"))
    with pytest.raises(LeaseLostError):
        found.exchange(asked(A), 1.0)
    assert rows(place) == []


@pytest.mark.parametrize("limit", [1, 0], ids=["holding", "waiting"])
def test_an_engine_that_was_silent_for_too_long_loses_its_run_with_its_units(place: Place, limit: int) -> None:
    silent, other = shared_units(place, "silent"), shared_units(place, "other")
    connection = place.store.connection
    connection.execute(update(pools).values(most=limit))
    silent.exchange(asked(A), 1.0)
    elsewhere = {"holder_host": "elsewhere", "holder_boot": "another", "lease_term": -1.0}
    connection.execute(update(runs).where(runs.c.run_id == "silent").values(**elsewhere))
    connection.execute(update(pools).values(most=1))
    assert other.exchange(asked(B), 2.0)[0] == [B]
    with pytest.raises(LeaseLostError):
        silent.exchange(UnitChanges(), 3.0)
    assert rows(place) == [("b", "held")]


def test_an_engine_that_is_frozen_in_a_transaction_keeps_others_from_their_units_for_a_while_only(
    remote: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(remote.store.backend)
    monkeypatch.setattr(kind, "begin_write", kind.begin_write.replace(str(IDLE), "1"))
    found = shared_units(remote)
    with (
        closing(opened(remote.location)) as frozen,
        pytest.raises(DBAPIError) as ended,
        transaction(frozen.connection) as connection,
    ):
        units.locked(connection, [1])
        assert found.exchange(asked(A), 1.0)[0] == [A]
        units.locked(connection, [1])
    assert remote.store.backend.is_outage(cause(ended.value))


def test_a_program_that_declares_its_pools_locks_them_in_the_order_of_those_who_exchange_units(remote: Place) -> None:
    a, b = (ResourcePool(name, 1, scope="cluster") for name in "ab")
    connection = remote.store.connection
    numbers = declare(connection, "program", [b], "host") | declare(connection, "program", [a], "host")
    with closing(opened(remote.location)) as other, ThreadPoolExecutor() as threads:
        with transaction(connection):
            units.locked(connection, [numbers["b"]])
            declared = threads.submit(declare, other.connection, "program", [a, b], "host")
            wait([declared], 1.0)
            units.locked(connection, [numbers["a"]])
        assert declared.result() == numbers


def test_a_claim_that_is_set_aside_keeps_its_place(place: Place) -> None:
    first, second = shared_units(place, "first"), shared_units(place, "second")
    place.store.connection.execute(update(pools).values(most=0))
    first.exchange(asked(A), 1.0)
    second.exchange(asked(B), 2.0)
    first.exchange(UnitChanges(moved=[(A, False)]), 3.0)
    first.exchange(UnitChanges(moved=[(A, True)]), 4.0)
    place.store.connection.execute(update(pools).values(most=1))
    assert second.exchange(UnitChanges(), 5.0)[0] == []
    assert first.exchange(UnitChanges(), 6.0)[0] == [A]
