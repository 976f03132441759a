"""What is left to do of a run, as its store knows it."""

from __future__ import annotations

from collections.abc import Sequence

from eventcore.define.program import Program
from eventcore.record.store import Store


def outstanding(program: Program, store: Store, run_id: str,
                starts: Sequence[tuple[str, str]]) -> tuple[int, float | None]:  # fmt: skip
    """How much is left, starts that have not been triggered included, and when the next is due, UTC in seconds."""
    row = store.find_run(program.name, run_id)
    containers = {step.name for step in program.steps.values() if step.is_container}
    total, due = store.todos(row, containers)
    return total + store.unraised(row, program.recorded(starts)), due
