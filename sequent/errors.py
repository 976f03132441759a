"""The errors that the flow language raises.

    eventcore.EventcoreError
    ├── CommandError                a command of `shell` failed
    └── eventcore.errors.ProgramError
        └── FlowError           the flow cannot be run as it is written
            ├── RequireError        a clause names an unknown step, or one it may not name
            ├── CycleError          steps wait for each other
            ├── CombinedError       all that `check` found, where it is more than one thing
            ├── LoopError           a loop that cannot be iterated over
            ├── PartError           in the run: a value does not have the part that a reference speaks of
            └── ConditionError      in the run: values cannot be compared, or one is neither true nor false

Each message says what is wrong, where, and what to do about it. The shell prints it as one line.
"""

import signal
from collections.abc import Sequence

from eventcore.errors import EventcoreError, ProgramError


class FlowError(ProgramError):
    """The flow cannot be run as it is written."""


class CombinedError(FlowError):
    """What `check` found, where it is more than one thing; `errors` has a sentence for each."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__(errors)
        self.errors = list(errors)

    def __str__(self) -> str:
        return "\n- ".join((f"{len(self.errors)} errors:", *self.errors))


class RequireError(FlowError):
    """A `require` clause names an unknown step, or one it may not name."""


class CycleError(FlowError):
    """Steps wait for each other in a cycle; the message names them in order."""


class LoopError(FlowError):
    """A loop's items or keys cannot be used."""


class PartError(FlowError):
    """A value has no part of the kind that a reference speaks of; it fails the step that asks."""


class ConditionError(FlowError):
    """Values cannot be compared, or one is neither true nor false; it fails the step that asks."""


class CommandError(EventcoreError):
    """A command of `shell` failed; `code` is its exit code, or the negative number of the signal that ended it."""

    def __init__(self, code: int, command: str) -> None:
        super().__init__(code, command)
        self.code = code
        self.command = command

    def __str__(self) -> str:
        how = f"exit code {self.code}" if self.code > 0 else f"ended by {_signal_name(-self.code)}"
        return f"{how}: {self.command}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
