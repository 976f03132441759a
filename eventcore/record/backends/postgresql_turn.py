"""A turn on PostgreSQL: one statement that changes data in its WITH clauses, with the rows as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import (
    CTE,
    ColumnElement,
    Dialect,
    String,
    Subquery,
    Update,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from eventcore.record.stages import Stage, staged
from eventcore.record.statements import Row, Statement

LARGEST = 32_000_000  #: characters of rows in one statement; PostgreSQL takes at most 268 million bytes of JSON
NUL = "\\u0000"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_json = msgspec.json.Encoder()


if TYPE_CHECKING:
    import psycopg

Command = tuple[str, list[Any]]  #: a statement and its parameters


def commands(fence: Statement, key: Row, work: Iterable[tuple[Statement, Iterable[Row]]]) -> list[Command]:
    """A turn as statements that are to run in one transaction, mostly one.

    The first returns how many rows the fence found. Where there are more, it fails with a division by zero if none was
    found, so that they can be sent before its answer is known.
    """
    pieces = [piece for stage in staged(work) for piece in _pieces(stage)]
    made: list[Command] = []
    for piece in pieces:
        form = _form(None if made else fence, tuple(piece), is_one=len(pieces) == 1)
        made.append((form.text, form.parameters(key, list(piece.values()))))
    return made


def send_together(connection: psycopg.Connection[Any], commands: Iterable[Command]) -> None:
    """Run them in one round trip, where the client's library can; raises the first error, with the later ones left out.

    An error may be raised while further ones are sent. Leaving the pipeline with it would have psycopg write a warning.
    """
    import psycopg

    raw = psycopg.RawCursor(connection)
    first: psycopg.Error | None = None
    try:
        with connection.pipeline() if psycopg.Pipeline.is_supported() else nullcontext():
            try:
                for text, parameters in commands:
                    raw.execute(text, parameters, prepare=bool(parameters))
            except psycopg.Error as error:
                first = error
    except psycopg.Error as error:
        raise first or error from None
    if first is not None:
        raise first


def _pieces(stage: Stage) -> Iterator[dict[Statement, str]]:
    """The rows of a stage as JSON, in parts that are not too large."""
    texts = {statement: _encoded(rows) for statement, rows in stage.items()}
    if sum(map(len, texts.values())) <= LARGEST or sum(map(len, stage.values())) == 1:
        yield texts
    elif len(stage) > 1:
        for statement, rows in stage.items():
            yield from _pieces({statement: rows})
    else:
        ((statement, rows),) = stage.items()
        half = len(rows) // 2
        yield from _pieces({statement: rows[:half]})
        yield from _pieces({statement: rows[half:]})


def _encoded(rows: Sequence[Row]) -> str:
    """Rows as JSON. PostgreSQL keeps no NUL: where a text has one, as what a step raised may, a sign stands for it."""
    text = _json.encode(rows).decode()
    if NUL not in text:
        return text
    return _json.encode([[_without_nul(value) for value in row] for row in rows]).decode()


def _without_nul(value: Any) -> Any:
    return value.replace("\0", REPLACEMENT) if isinstance(value, str) else value


@lru_cache(200)
def _form(fence: Statement | None, statements: tuple[Statement, ...], *, is_one: bool) -> _Form:
    """Programs need few, which the database prepares once."""
    return _Form(fence, statements, is_one=is_one)


@cache
def _dialect() -> Dialect:
    from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

    return PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class _Form:
    """One statement that runs several where the fence, if there is one, finds its row."""

    def __init__(self, fence: Statement | None, statements: Sequence[Statement], *, is_one: bool) -> None:
        held = None if fence is None else _holding(fence)
        parts = [
            statement.over(_rows(place, statement, held)).cte(f"part{place}")
            for place, statement in enumerate(statements)
        ]
        found: Any = literal_column("0") if held is None else func.count()
        answer = select(found if is_one or held is None else literal_column("1") / found)
        compiled = (answer if held is None else answer.select_from(held)).add_cte(*parts).compile(dialect=_dialect())
        self._names = compiled.positiontup or []
        self._fence = () if fence is None else fence.names
        self.text = str(compiled)

    def parameters(self, key: Row, rows: Sequence[str]) -> list[Any]:
        """In the order of the text: of the fence's key and of the rows of each statement."""
        values: dict[str, Any] = dict(zip(self._fence, key, strict=False))
        values |= {f"rows{place}": text for place, text in enumerate(rows)}
        return [values[name] for name in self._names]


def _holding(fence: Statement) -> CTE:
    assert isinstance(fence.statement, Update)
    return fence.statement.returning(literal_column("1")).cte("fence")


def _rows(place: int, statement: Statement, fence: CTE | None) -> Subquery:
    """The rows of a statement as a table; an empty one where the fence found nothing.

    Its condition holds for each of them. It has the planner expect one row and not a hundred, so that it looks rows up
    by their key also while it believes that the table is small: it keeps such a plan while the table grows.
    """
    from sqlalchemy.dialects.postgresql import JSONB

    row = func.jsonb_array_elements(cast(bindparam(f"rows{place}"), JSONB)).column_valued(f"r{place}")
    columns = [_column(row, number, of).label(f"c{number}") for number, of in enumerate(statement.types)]
    rows = select(*columns).where(func.jsonb_typeof(row) == literal_column("'array'"))
    if fence is not None:
        rows = rows.select_from(fence.join(row.scalar_alias, true()))
    return rows.subquery(f"x{place}")


def _column(row: Any, number: int, of: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value of a row. A cast would cut a text that is too long, which is an error."""
    text = row.op("->>")(literal_column(str(number)))
    return type_coerce(text, of) if isinstance(of, String) else cast(text, of)
