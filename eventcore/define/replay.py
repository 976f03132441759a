"""The `recovery` policy of a step as users write it, keyed by any of the spellings of a status."""

from __future__ import annotations

from collections.abc import Mapping

from eventcore.define.status import StepReplay, StepStatus, TaskStatus
from eventcore.errors import ProgramError

KNOWN = ("ready", "active", "success", "failure", "complete")


def as_replays(step: str, written: object) -> dict[StepStatus, StepReplay]:
    """The policy as written, keyed by `StepStatus`; raises `ProgramError` naming the step."""
    if not isinstance(written, Mapping):
        raise ProgramError(f"step {step!r}: recovery must be a mapping from StepStatus to StepReplay, not {written!r}")
    return {_status(step, status, replay): replay for status, replay in written.items()}


def _status(step: str, status: object, replay: object) -> StepStatus:
    if not isinstance(status, (StepStatus, TaskStatus)) or not isinstance(replay, StepReplay):
        raise ProgramError(f"step {step!r}: recovery must map StepStatus to StepReplay, not {status!r} to {replay!r}")
    if status.value not in KNOWN:
        raise ProgramError(f"step {step!r}: recovery does not take {status.value!r}; use one of {', '.join(KNOWN)}")
    return StepStatus(status.value)
