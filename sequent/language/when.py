"""What users write under `when`: a condition on values, or a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eventcore.define.expression import Expression
from eventcore.define.status import StepStatus
from sequent.errors import FlowError
from sequent.language.conditions import Condition, as_condition, shown_plain
from sequent.language.placed import Placed
from sequent.language.stand_in import FlowReference


def as_when(written: Any, where: str) -> Condition | Callable[[], object] | None:
    """The condition or the function of a `when` argument; raises `FlowError`, naming `where`, for anything else."""
    if isinstance(written, FlowReference):
        return as_condition(written)
    if written is None or callable(written):
        return written  # type: ignore[no-any-return]
    raise FlowError(f"{where}: {shown_plain(written)} {_why_not(written)}")


def _why_not(written: object) -> str:
    if isinstance(written, Placed):
        return f"is a step; write when={written.path}.result for what it returns, or require it with a status"
    if _is_requirement(written):
        return "is a requirement; write it as require=..."
    if isinstance(written, bool):
        return "is known before the run; add the step only if it is true, or give a function without arguments"
    return (
        'is no condition; write a reference or a comparison, such as kind.result == "full", or give a function without '
        "arguments"
    )


def _is_requirement(written: object) -> bool:
    if isinstance(written, (tuple, list)):
        return any(isinstance(part, (Placed, StepStatus)) or _is_requirement(part) for part in written)
    return isinstance(written, (Expression, StepStatus))
