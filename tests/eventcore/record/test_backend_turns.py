"""How every database writes: a turn or a transaction is recorded whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import and_, bindparam, insert, literal_column, select, update

from eventcore.decide.changes import Changes
from eventcore.define.status import RunMode, Verdict
from eventcore.errors import LeaseLostError
from eventcore.record import lease
from eventcore.record import schema as t
from eventcore.record.backend import Backend, Work
from eventcore.record.database import transaction
from eventcore.record.statements import Row, Statement
from eventcore.record.turns import TurnWriter
from tests.eventcore.record.places import Place, chained, fail, succeed


class Turn:
    """Writes rows of `programs` the way that turns are written, fenced by the lease of a run."""

    def __init__(self, place: Place) -> None:
        self.backend = place.store.backend
        self._cursor = place.store.connection.connection.cursor()
        dialect = self.backend.dialect()
        is_ours = and_(t.runs.c.run_id == bindparam("b_run_id"), t.runs.c.holder == bindparam("b_holder"))
        held = select(t.runs.c.id).where(is_ours)
        counted = update(t.runs).where(is_ours).values(turn=t.runs.c.turn + literal_column("1"))
        fence = counted if self.backend.is_remote else held
        self._fence = Statement(fence, dialect, ["b_run_id", "b_holder"])
        self._key = ("run", "me")
        self._insert = Statement(insert(t.programs), dialect, ["digest", "document"])

    def write(self, *batches: list[Row], then: Exception | None = None) -> bool:
        def work() -> Iterator[tuple[Statement, list[Row]]]:
            for rows in batches:
                yield self._insert, rows
            if then is not None:
                raise then

        return self.backend.write_turn(self._cursor, self._fence, self._key, work())


@pytest.fixture(params=[False, True], ids=["", "counted"], autouse=True)
def is_counted(request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of store also counts turns, as those do that are a network away."""
    if request.param:
        monkeypatch.setattr(type(place.store.backend), "is_remote", True)


@pytest.fixture
def turn(place: Place) -> Turn:
    assert chained(place.program(), succeed).run()
    place.store.connection.execute(update(t.runs).values(holder="me"))
    return Turn(place)


def digests(place: Place) -> set[str]:
    found = place.store.connection.execute(select(t.programs.c.digest).where(t.programs.c.document == "")).scalars()
    return set(found)


def test_a_turn_is_written_whole(place: Place, turn: Turn) -> None:
    assert turn.write([("a", "")], [("b", ""), ("c", "")])
    assert turn.write([("d", "")])
    assert digests(place) == {"a", "b", "c", "d"}


def test_a_turn_of_a_lost_run_leaves_nothing(place: Place, turn: Turn) -> None:
    place.store.connection.execute(update(t.runs).values(holder="somebody else"))
    assert not turn.write([("a", "")])
    assert digests(place) == set()
    place.store.connection.execute(update(t.runs).values(holder="me"))
    assert turn.write([("b", "")])
    assert digests(place) == {"b"}


def test_a_turn_that_breaks_off_leaves_nothing(place: Place, turn: Turn) -> None:
    with pytest.raises(LookupError):
        turn.write([("a", "")], [("b", "")], then=LookupError())
    with pytest.raises(turn.backend.driver_error):
        turn.write([("a", "")], [("b", ""), ("a", "")])
    assert digests(place) == set()
    assert turn.write([("c", "")])
    assert digests(place) == {"c"}


def test_each_take_of_the_lease_is_counted_and_far_away_each_turn(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[TurnWriter] = []
    write = TurnWriter.write

    def counting(writer: TurnWriter, *arguments: Any) -> None:
        turns.append(writer)
        write(writer, *arguments)

    monkeypatch.setattr(TurnWriter, "write", counting)
    for takes, mode in enumerate((RunMode.restart, RunMode.recover), 1):
        chained(place.program(mode), succeed, fail).run()
        assert len(turns) > takes
        assert counted(place) == takes + (len(turns) if place.store.backend.is_remote else 0)


def test_a_turn_that_is_not_the_next_one_is_not_written(place: Place) -> None:
    me = lease.this_engine("me")
    assert chained(place.program(), succeed).run()
    with transaction(place.store.connection) as connection:
        lease.take(connection, 1, me, 3600.0, time.time())
    writer = place.store.writer(place.store.find_run(None, "run"), me, 10)
    assert writer.holds()
    place.store.connection.execute(update(t.runs).values(turn=t.runs.c.turn + 1))
    assert not writer.holds()
    with pytest.raises(LeaseLostError):
        writer.write(Changes(), time.time())


def counted(place: Place) -> int:
    """How far the run's turns are counted."""
    return int(place.store.connection.execute(select(t.runs.c.turn)).scalar_one())


def test_a_transaction_is_whole_or_not_at_all(place: Place) -> None:
    connection = place.store.connection
    with transaction(connection):
        connection.execute(insert(t.programs).values(digest="a", document=""))
    with pytest.raises(LookupError), transaction(connection):
        connection.execute(insert(t.programs).values(digest="b", document=""))
        raise LookupError
    assert digests(place) == {"a"}


@pytest.mark.parametrize("mode", [RunMode.continue_, RunMode.recover])
@pytest.mark.parametrize("statement", range(1, 16, 2))
def test_an_engine_that_dies_within_a_turn_goes_on_from_the_turn_before(
    place: Place, statement: int, mode: RunMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, left, before = type(place.store.backend), statement, list[Any]()
    write_turn = backend.write_turn

    def dies(work: Work) -> Work:
        nonlocal left
        for one in work:
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            yield one

    def written(self: Backend, cursor: Any, fence: Statement, key: Row, work: Work) -> bool:
        before[:] = [place.everything()]
        return write_turn(self, cursor, fence, key, dies(work))

    with monkeypatch.context() as patch:
        patch.setattr(backend, "write_turn", written)
        with pytest.raises(KeyboardInterrupt):
            chained(place.program(), *[succeed] * 5).run()
    turns = {table.name for table in (t.facts, t.tasks, t.results, t.attempts)}
    after = place.everything()
    assert {name: after[name] for name in turns} == {name: before[0][name] for name in turns}
    assert chained(place.program(mode), *[succeed] * 5).run()
    assert place.run().verdict is Verdict.success
