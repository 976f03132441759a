"""How every database writes: a turn or a transaction is recorded whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from eventcore.define.status import RunMode, Verdict
from eventcore.record import schema as t
from eventcore.record.backend import Backend, Work
from eventcore.record.database import transaction
from eventcore.record.statements import Row, Statement
from tests.eventcore.record.places import Place, chained, succeed


class Turn:
    """Writes rows of `programs` the way that turns are written, fenced by the lease of a run."""

    def __init__(self, place: Place) -> None:
        self.backend = place.store.backend
        self._cursor = place.store.connection.connection.cursor()
        dialect = self.backend.dialect()
        held = select(t.runs.c.id).where(t.runs.c.run_id == "run", t.runs.c.holder == "me")
        parameters = {"run_id_1": "run", "holder_1": "me"}
        self._fence = Statement(held, dialect, list(parameters))
        self._key = tuple(parameters.values())
        self._insert = Statement(insert(t.programs), dialect, ["digest", "document"])

    def write(self, *batches: list[Row], then: Exception | None = None) -> bool:
        def work() -> Iterator[tuple[Statement, list[Row]]]:
            for rows in batches:
                yield self._insert, rows
            if then is not None:
                raise then

        return self.backend.write_turn(self._cursor, self._fence, self._key, work())


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
