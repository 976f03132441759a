"""The errors that the kernel raises.

    EventcoreError
    ├── ProgramError        the program as written cannot be run
    │   └── ProgramChangedError   it lost a step that the stored run still knows
    ├── ConfigError         a key, a value, a tag or a file of the configuration
    ├── StoreError          the store cannot be opened, read or written
    │   ├── StoreVersionError     it was made by a newer version of this package, or an unreleased one
    │   ├── RunNotFoundError      it has no such run, or nothing to recover
    │   └── ResultNotFoundError   the run has no such result: no such step, or it has not succeeded there
    ├── RunExistsError      the run id is taken
    ├── RunHeldError        another engine is working on the run
    ├── LeaseLostError      another engine took over the run while this one was silent
    └── NotInStepError      `current()` was called outside a running step

Each message says what is wrong, where, and what to do about it. The shell prints it as one line.
"""


class EventcoreError(Exception):
    """Base of all expected errors; catch this one to catch them all."""


class ProgramError(EventcoreError):
    """The program cannot run as it is written: a name is used twice, something is not callable, an event is unknown."""


class ProgramChangedError(ProgramError):
    """The program was changed in a way that does not fit the stored run, such as a removed step that has history."""


class ConfigError(EventcoreError):
    """A configuration key, value, tag or file is wrong; the message names its path."""


class StoreError(EventcoreError):
    """The store cannot be opened, read or written."""


class StoreVersionError(StoreError):
    """The store was made by a newer version of this package (upgrade the package) or by an unreleased one."""


class RunNotFoundError(StoreError):
    """The store has no such run, or no run at all to recover or continue."""


class ResultNotFoundError(StoreError):
    """The run has no such result: it has no such step or instance, or that has not succeeded."""


class RunExistsError(EventcoreError):
    """A new run was given a run id that the store already has."""


class RunHeldError(EventcoreError):
    """Another living engine holds the run; the message names its host and process."""


class LeaseLostError(EventcoreError):
    """Another engine took over the run while this one was silent; this engine records nothing more."""

    def __init__(self) -> None:
        super().__init__("another engine took over this run; this engine stops without recording anything more")


class NotInStepError(EventcoreError):
    """`current()` was called outside a running step."""
