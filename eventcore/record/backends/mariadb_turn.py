"""A turn on MariaDB: one block of statements, in which the server decides by the fence whether to run them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import text

from eventcore.record.statements import Row, Statement

JOINED = 200  #: rows of an update that are one statement
LONG = 1_000  #: characters of a value that is worth remembering
MARK = "SELECT @rows"

LOST = 1644  #: the code of the error that the block ends with where the fence finds nothing: an answer is dearer

BLOCK = """BEGIN NOT ATOMIC
DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
START TRANSACTION;
{fence};
IF ROW_COUNT() <> 1 THEN SIGNAL SQLSTATE '45000'; END IF;
{work}COMMIT;
END"""


class _Literals(dict[tuple[type, Any], str]):
    """Values as the driver writes them; most of a turn's values are there several times."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def __missing__(self, key: tuple[type, Any]) -> str:
        made: str = self._cursor.mogrify("%s", key[1:])
        if len(made) < LONG:
            self[key] = made
        return made

    def of(self, row: Row) -> tuple[str, ...]:
        """Of each value of a row."""
        return tuple([self[type(value), value] for value in row])


def block(
    cursor: Any, fence: Statement, key: Row, work: Iterable[tuple[Statement, Sequence[Row]]], longest: int
) -> str | None:
    """What writes a turn; None where it would be longer than so many bytes."""
    literals = _Literals(cursor)
    written: list[str] = []
    for statement, rows in work:
        for one in _written(literals, statement, rows):
            written.append(f"{one};\n")
            longest -= len(one.encode("utf-8", "replace"))
            if longest < 0:
                return None
    (held,) = _each(literals, fence, [key])
    return BLOCK.format(fence=held, work="".join(written))


def _written(literals: _Literals, statement: Statement, rows: Sequence[Row]) -> Iterator[str]:
    """Statements with their values."""
    if statement.is_insert:
        head, _, group = statement.text.rpartition(" VALUES ")
        yield f"{head} VALUES {','.join(group % literals.of(row) for row in statement.in_order(rows))}"
    elif statement.is_copy or len(rows) == 1:
        yield from _each(literals, statement, rows)
    else:
        head, tail = _joined(statement)
        names = [f"%s AS c{number}" for number in range(len(statement.names))]
        first, others = f"SELECT {', '.join(names)}", f" UNION ALL SELECT {', '.join(['%s'] * len(names))}"
        for begin in range(0, len(rows), JOINED):
            some = rows[begin : begin + JOINED]
            union = [(others if number else first) % literals.of(row) for number, row in enumerate(some)]
            yield f"{head}{''.join(union)}{tail}"


def _each(literals: _Literals, statement: Statement, rows: Sequence[Row]) -> Iterator[str]:
    for row in statement.in_order(rows):
        yield statement.text % literals.of(row)


@lru_cache(50)
def _joined(statement: Statement) -> tuple[str, str]:
    """An update of all rows of a query that comes between these two."""
    rows = text(MARK).columns(**{f"c{place}": of for place, of in enumerate(statement.types)}).subquery("changed")
    head, _, tail = str(statement.over(rows).compile(dialect=statement.dialect)).partition(MARK)
    return head.replace("%%", "%"), tail.replace("%%", "%")
