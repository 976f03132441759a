"""Statements that a turn runs: rendered once by SQLAlchemy for the database at hand, then run on its driver's cursor.

Rendering and binding through a connection costs more than SQLite takes for the work; a turn runs the same dozen
statements over and over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select


class Statement:
    """One rendered statement; rows are mappings from the names of its parameters."""

    def __init__(self, statement: UpdateBase | Select[Any], dialect: Dialect, columns: Sequence[str] = ()) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        self.text = str(compiled)
        self._order = compiled.positiontup if compiled.positional else None
        self._fixed: Mapping[str, Any] = {k: v for k, v in compiled.params.items() if v is not None}

    def run(self, cursor: DBAPICursor, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute for each row."""
        if self._order is None:
            cursor.executemany(self.text, [{**self._fixed, **row} for row in rows])
        elif len(rows) == 1:
            cursor.execute(self.text, self._values(rows[0]))
        else:
            cursor.executemany(self.text, [self._values(row) for row in rows])

    def _values(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        assert self._order is not None
        fixed = self._fixed
        return tuple([row[name] if name in row else fixed[name] for name in self._order])
