"""What of a turn a database may write at once: statements that do not see what the others do."""

from __future__ import annotations

from collections.abc import Iterable

from eventcore.record.statements import Row, Statement

Stage = dict[Statement, list[Row]]


def staged(work: Iterable[tuple[Statement, Iterable[Row]]]) -> list[Stage]:
    """The work in stages to be written one after another; in each, no row is written and then changed or read.

    Most turns are one stage. Rows of one statement are written together; where several change the same row, the last.
    """
    stages: list[Stage] = [{}]
    for statement, all_rows in work:
        rows = all_rows if isinstance(all_rows, list) else list(all_rows)
        if statement.matched and not statement.is_copy and len(rows) > 1:
            meant = statement.picked(statement.matched)
            rows = list({meant(row): row for row in rows}.values())
        if not _fits(stages[-1], statement, rows):
            stages.append({})
        stage = stages[-1]
        stage[statement] = [*stage[statement], *rows] if statement in stage else rows
    return stages


def _fits(stage: Stage, statement: Statement, rows: list[Row]) -> bool:
    """Whether what the stage writes is nothing that the statement changes or reads, and the order stays."""
    earlier = [other for other in stage if other.table is statement.table]
    if statement in earlier[:-1]:
        return False
    if statement.is_insert or not earlier:
        return True
    meant = set(map(statement.picked(statement.matched), rows))
    for other in earlier:
        if other.is_copy and statement.is_copy:  # what one has copied is not what another copies: it is too young
            continue
        if other.is_copy:
            return False
        written = set(map(other.picked(statement.matched), stage[other]))
        if None in written or not meant.isdisjoint(written):
            return False
    return True
