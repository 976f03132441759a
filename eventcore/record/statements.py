"""Statements that a turn runs: rendered once by SQLAlchemy for the database at hand, then run on its driver's cursor.

Rendering and binding through a connection costs more than SQLite takes for the work, and a turn runs the same dozen
statements over and over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, Dialect, Insert, Table, insert, select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import FromClause, Select
from sqlalchemy.types import TypeEngine

Row = tuple[Any, ...]

MATCHED = "b_"  #: begins the names of values that say which row is meant; the column's name follows


class Statement:
    """One statement; its rows are tuples of the values of `names`, in that order.

    It is rendered when it is first run: a short run needs few of those that a turn may need.
    """

    def __init__(self, statement: UpdateBase | Select[Any], dialect: Dialect, names: Sequence[str]) -> None:
        self.statement = statement
        self.names = names
        self.dialect = dialect

    @cached_property
    def text(self) -> str:
        """As the database takes it."""
        return str(self._compiled)

    @cached_property
    def _compiled(self) -> SQLCompiler:
        compiled = self.statement.compile(dialect=self.dialect, column_keys=list(self.names))
        if sorted(compiled.positiontup or []) != sorted(self.names):
            raise ValueError(f"the statement takes {compiled.positiontup}, not {list(self.names)}: {compiled}")
        return compiled

    @cached_property
    def _in_order(self) -> Callable[[Row], Row] | None:
        """Puts a row's values in the order of the text, where that is another."""
        names, wanted = list(self.names), self._compiled.positiontup or []
        return None if wanted == names else itemgetter(*(names.index(name) for name in wanted))

    def in_order(self, rows: Iterable[Row]) -> Iterable[Row]:
        """The rows with their values in the order of the text."""
        return rows if self._in_order is None else map(self._in_order, rows)

    def run(self, cursor: DBAPICursor, rows: Iterable[Row]) -> None:
        """Execute for each row."""
        order = self._in_order
        if isinstance(rows, list) and len(rows) == 1:
            cursor.execute(self.text, rows[0] if order is None else order(rows[0]))
        else:
            cursor.executemany(self.text, rows if order is None else map(order, rows))  # type: ignore[arg-type]

    # what it does, for a database that is given all rows at once

    @property
    def table(self) -> Table:
        """The one it changes."""
        table = self.statement.table if isinstance(self.statement, UpdateBase) else None
        assert isinstance(table, Table)
        return table

    @property
    def is_insert(self) -> bool:
        """Whether it adds each of its rows as it is."""
        return isinstance(self.statement, Insert) and self.statement.select is None

    @property
    def is_copy(self) -> bool:
        """Whether it adds rows that it reads from the same table."""
        return isinstance(self.statement, Insert) and self.statement.select is not None

    @cached_property
    def matched(self) -> tuple[str, ...]:
        """The columns by which it finds the rows that it changes or reads."""
        return tuple(name.removeprefix(MATCHED) for name in self.names if name.startswith(MATCHED))

    def picked(self, columns: Iterable[str]) -> Callable[[Row], Any]:
        """Takes from one of its rows what stands in these columns; where it has not all of them, None."""
        found = [name for column in columns for name in (MATCHED + column, column) if name in self.names]
        places = [self.names.index(name) for name in found]
        return itemgetter(*places) if len(places) == len(tuple(columns)) else lambda row: None

    @cached_property
    def types(self) -> Sequence[TypeEngine[Any]]:
        """Those of its values, in the order of `names`."""
        types = {bind.key: bind.type for bind in visitors.iterate(self.statement) if isinstance(bind, BindParameter)}
        types |= {prefix + column.name: column.type for column in self.table.columns for prefix in ("", MATCHED)}
        return [types[name] for name in self.names]

    def over(self, rows: FromClause) -> UpdateBase:
        """The statement for all rows of a table at once, whose columns `c0`, `c1`, ... are the values of `names`."""
        values: Mapping[str, Any] = {name: rows.c[f"c{place}"] for place, name in enumerate(self.names)}
        if self.is_insert:
            return insert(self.table).from_select(list(self.names), select(*values.values()))

        def replaced(element: Any, **_: Any) -> Any:
            return values[element.key] if isinstance(element, BindParameter) and element.key in values else None

        changed = visitors.replacement_traverse(self.statement, {}, replaced)
        assert isinstance(changed, UpdateBase)
        return changed
