"""However a database writes a turn, it leaves the same rows as one statement after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Float, Integer, String, delete, insert, select, update

from eventcore.record import schema as t
from eventcore.record.backends.sqlite import SqliteMemory
from eventcore.record.statements import MATCHED, Row, Statement
from eventcore.record.store import Store, opened
from eventcore.record.turns import statements
from tests.eventcore.record.places import Place, chained, succeed
from tests.servers import stores
from tests.servers.proxy import Proxy

Turn = list[tuple[str, list[Row]]]

FORMS = {"postgresql": stores.postgresql, "mariadb": stores.mariadb}
WRITTEN = (t.facts, t.tasks, t.iterations, t.loops, t.items, t.results, t.attempts, t.delays)
REQUESTS = 3

few = st.sampled_from
characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
awkward = ["", "%s %% %(x)s", "'\"`\\' \\", "\\u0000 {0}", "\U0001f600 \u20ac", "a\nb\r\tc", ":x ; -- /* */", "NULL"]
texts = few(awkward) | st.text(characters)


def of_column(statement: Statement, name: str) -> st.SearchStrategy[Any]:
    """Values for a parameter: of keys there are few, so that turns meet their own rows."""
    column = statement.table.c[name.removeprefix(MATCHED)]
    if column.name == "run":
        return st.just(1)
    if column.name == "id":
        return st.integers(1, REQUESTS)
    if column.primary_key:
        return st.integers(0, 1) if isinstance(column.type, Integer) else few(["1", "1.\u00e9 '%s"])
    values: Mapping[type, st.SearchStrategy[Any]] = {
        Integer: st.integers(-(2**31), 2**31 - 1),
        Float: st.floats(allow_nan=False, allow_infinity=False),
        Boolean: st.booleans(),
        String: texts if column.type is t.Long else few(["x", "%s'"]),
    }
    kind = next(kind for kind in values if isinstance(column.type, kind))
    return values[kind] | st.none() if column.nullable else values[kind]


def rows_of(name: str, statement: Statement) -> st.SearchStrategy[tuple[str, list[Row]]]:
    fixed = {"carry": {"now": st.just(1), "b_recovery": st.just(0)}}.get(name, {})
    row = st.tuples(*(fixed[one] if one in fixed else of_column(statement, one) for one in statement.names))
    return st.tuples(st.just(name), st.lists(row, min_size=1, max_size=4))


@pytest.fixture(scope="module")
def plain() -> Iterator[Store]:
    for store in made(":memory:"):
        store.backend.is_remote = True  # type: ignore[misc]  # it counts turns, too
        yield store


@pytest.fixture(scope="module", params=FORMS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    yield from made(FORMS[request.param](tmp_path_factory.mktemp("store")))


def made(location: str) -> Iterator[Store]:
    with closing(opened(location, "normal")) as store:
        assert chained(Place(store).program(), succeed).run()
        run = {"run": 1, "verb": "trigger", "argument": "", "asked_by": "me", "asked_at": 0.0, "status": "asked"}
        store.connection.execute(insert(t.requests), [run] * REQUESTS)
        yield store


def emptied(store: Store) -> None:
    for table in WRITTEN:
        store.connection.execute(delete(table))
    store.connection.execute(update(t.requests).values(status="asked", argument="", reason=None, answered_at=None))
    store.connection.execute(update(t.runs).values(holder="me", turn=0))


def outcome(store: Store, turn: Turn, number: int) -> str:
    """What became of it, written as the store's kind does."""
    made = statements(type(store.backend))
    work = ((made[name], iter(rows)) for name, rows in turn)
    cursor = store.connection.connection.cursor()
    try:
        is_ours = store.backend.write_turn(cursor, made["next turn"], (1, "me", number), work)
    except store.backend.driver_error as error:
        assert type(error).__name__ in {"IntegrityError", "UniqueViolation"}
        return "refused"
    return "written" if is_ours else "lost"


def rows(store: Store) -> dict[str, set[Row]]:
    """All that turns write."""
    tables = (*WRITTEN, t.requests)
    return {table.name: set(map(tuple, store.connection.execute(select(table)))) for table in tables}


written = {name: one for name, one in statements(SqliteMemory).items() if name not in {"lease", "next turn"}}
turns = st.lists(st.lists(st.one_of([rows_of(name, one) for name, one in written.items()]), max_size=8), max_size=4)


@settings(max_examples=60)
@given(turns=turns, lost=st.integers(0, 5))
def test_any_turns_leave_the_same_rows(store: Store, plain: Store, turns: list[Turn], lost: int) -> None:
    for one in (store, plain):
        emptied(one)
    number = 0
    for place, turn in enumerate(turns):
        at = number + (place == lost)
        became = [outcome(one, turn, at) for one in (store, plain)]
        assert became[0] == became[1]
        assert rows(store) == rows(plain)
        number += became[0] == "written"


def a_task(sequence: str, **standing: Any) -> Row:
    values = {"status": "active", "try": 1} | standing
    names = written["task"].names
    known = {"run": 1, "sequence": sequence, "step": "s", "recovery": 0, "scope": "", "created": 0.1} | values
    return tuple(known.get(name) for name in names)


TWO_STAGES: Turn = [("task", [a_task("1")]), ("deadline", [(0.1, 1, "1", "s", 0)])]


@pytest.mark.parametrize("turn", [[("task", [a_task("1")])], TWO_STAGES], ids=["", "two stages"])
def test_a_turn_takes_one_round_trip(store: Store, turn: Turn) -> None:
    port = store.connection.engine.url.port
    assert port is not None
    with Proxy(port) as proxy, closing(opened(proxy.url(store.location), "normal")) as far:
        trips: list[int] = []
        for _ in range(8):  # a statement is prepared first, and planned anew five times
            emptied(store)
            before = proxy.trips
            assert outcome(far, turn, 0) == "written"
            trips.append(proxy.trips - before)
            assert rows(store)["eventcore_tasks"]
        assert trips[1:] == [1] * 7


def test_a_lost_turn_of_several_stages_leaves_nothing(store: Store) -> None:
    emptied(store)
    assert outcome(store, TWO_STAGES, 7) == "lost"
    assert not any(rows(store)[table.name] for table in WRITTEN)
    assert outcome(store, TWO_STAGES, 0) == "written"
    assert [row for row in rows(store)["eventcore_tasks"] if 0.1 in row]


def test_an_error_in_a_later_stage_leaves_nothing(store: Store) -> None:
    emptied(store)
    assert outcome(store, [*TWO_STAGES, ("task", [a_task("1")])], 0) == "refused"
    assert not any(rows(store)[table.name] for table in WRITTEN)
    assert outcome(store, TWO_STAGES, 0) == "written"


def test_turns_may_be_large(store: Store) -> None:
    emptied(store)
    sequences = [str(number) for number in range(6_000)]
    turn: Turn = [
        ("task", [a_task(sequence) for sequence in sequences]),
        ("task update", [("success", 1, None, 0.1, 0.2, None, True, None, 1, one, "s", 0) for one in sequences]),
        ("result", [(1, str(number), "s", 0, str(number % 10) * 1_000_000, None) for number in range(40)]),
    ]
    assert outcome(store, turn, 0) == "written"
    found = rows(store)
    assert len([row for row in found["eventcore_tasks"] if "success" in row]) == 6_000
    assert {(int(row[1]), row[4][0], len(row[4])) for row in found["eventcore_results"]} == {
        (number, str(number % 10), 1_000_000) for number in range(40)
    }


def test_a_nul_in_what_a_step_raised_breaks_no_turn(store: Store) -> None:
    emptied(store)
    attempt = (1, "1", "s", 0, 1, "failure", None, None, "a\0b", "\\u0000")
    assert outcome(store, [("attempt", [attempt])], 0) == "written"
    ((*_, error, traceback),) = rows(store)["eventcore_attempts"]
    assert error in {"a\0b", "a\ufffdb"}
    assert traceback == "\\u0000"
