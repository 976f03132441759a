"""The errors that the flow language raises.

eventcore.EventcoreError
└── eventcore.errors.ProgramError
    └── FlowError           the flow cannot be run as it is written
        ├── RequireError        a clause names an unknown step, or one it may not name
        ├── CycleError          steps wait for each other
        ├── LoopError           a loop that cannot be iterated over
        └── ReferencePartError  a part is wanted of a value that is not known before the run
"""

from eventcore.errors import ProgramError


class FlowError(ProgramError):
    """The flow cannot be run as it is written."""


class RequireError(FlowError):
    """A `require` clause names an unknown step, or one it may not name."""


class CycleError(FlowError):
    """Steps wait for each other in a circle; the message names them in order."""


class LoopError(FlowError):
    """A loop's items or keys cannot be used."""


class ReferencePartError(FlowError, AttributeError):
    """A part is wanted of a result or an item that is not known before the run."""
