"""Which rows of a table are meant: those of the latest recovery of their instance, those inside a sequence."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Table, and_, select


def is_latest(table: Table, names: Sequence[str]) -> ColumnElement[bool]:
    """Whether no later recovery has a row of the same instance, which the columns `names` tell apart."""
    later = table.alias()
    same = and_(later.c.run == table.c.run, *(later.c[name] == table.c[name] for name in names))
    return ~select(later.c.run).where(same, later.c.recovery > table.c.recovery).exists()


def is_inside(table: Table, around: str) -> ColumnElement[bool]:
    """Whether the sequence of a row goes on from `around`."""
    return and_(table.c.sequence > f"{around}.", table.c.sequence < f"{around}/")
