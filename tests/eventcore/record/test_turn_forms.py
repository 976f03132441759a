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
