"""Statements that a turn runs: rendered once by SQLAlchemy for the database at hand, then run on its driver's cursor.

Rendering and binding through a connection costs more than SQLite takes for the work, and a turn runs the same dozen
statements over and over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select

Row = tuple[Any, ...]


class Statement:
    """One rendered statement; its rows are tuples of the values of `names`, in that order."""

    def __init__(self, statement: UpdateBase | Select[Any], dialect: Dialect, names: Sequence[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        wanted: list[str] = compiled.positiontup or []
        if sorted(wanted) != sorted(names):
            raise ValueError(f"the statement takes {wanted}, not {list(names)}: {compiled}")
        self.text = str(compiled)
        self._in_order = None if wanted == list(names) else itemgetter(*(names.index(name) for name in wanted))

    def run(self, cursor: DBAPICursor, rows: Iterable[Row]) -> None:
        """Execute for each row."""
        order = self._in_order
        if isinstance(rows, list) and len(rows) == 1:
            cursor.execute(self.text, rows[0] if order is None else order(rows[0]))
        else:
            cursor.executemany(self.text, rows if order is None else map(order, rows))  # type: ignore[arg-type]
