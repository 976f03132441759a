"""Statements that a turn runs: rendered once by SQLAlchemy for the database at hand, then run on its driver's cursor.

Rendering and binding through a connection costs more than SQLite takes for the work, and a turn runs the same dozen
statements over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import Select

Row = tuple[Any, ...]


class Statement:
    """One statement; its rows are tuples of the values of `names`, in that order.

    It is rendered when it is first run: a short run needs few of those that a turn may need.
    """

    def __init__(self, statement: UpdateBase | Select[Any], dialect: Dialect, names: Sequence[str]) -> None:
        self._statement = statement
        self._dialect = dialect
        self._names = names

    @cached_property
    def text(self) -> str:
        """As the database takes it."""
        return str(self._compiled)

    @cached_property
    def _compiled(self) -> SQLCompiler:
        compiled = self._statement.compile(dialect=self._dialect, column_keys=list(self._names))
        if sorted(compiled.positiontup or []) != sorted(self._names):
            raise ValueError(f"the statement takes {compiled.positiontup}, not {list(self._names)}: {compiled}")
        return compiled

    @cached_property
    def _in_order(self) -> Callable[[Row], Row] | None:
        """Puts a row's values in the order of the text, where that is another."""
        names, wanted = list(self._names), self._compiled.positiontup or []
        return None if wanted == names else itemgetter(*(names.index(name) for name in wanted))

    def run(self, cursor: DBAPICursor, rows: Iterable[Row]) -> None:
        """Execute for each row."""
        order = self._in_order
        if isinstance(rows, list) and len(rows) == 1:
            cursor.execute(self.text, rows[0] if order is None else order(rows[0]))
        else:
            cursor.executemany(self.text, rows if order is None else map(order, rows))  # type: ignore[arg-type]
