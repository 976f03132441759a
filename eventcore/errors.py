"""The errors that the kernel raises.

    EventcoreError
    ├── ProgramError        the program as written cannot be run
    │   └── ProgramChangedError   it lost a step that the stored run still knows
    ├── ConfigError         a key, a value, a tag or a file of the configuration
    ├── StoreError          the store cannot be opened, read or written
    │   ├── StoreVersionError     it was made by a newer version of this package, or an unreleased one
    │   ├── RunNotFoundError      it has no such run, or nothing to recover
    │   ├── ResultNotFoundError   the run has no such result: no such step, or it has not succeeded there
    │   └── PoolNotFoundError     it has no such shared pool, or several of the name
    ├── RunExistsError      the run id is taken
    ├── RunHeldError        another engine is working on the run
    ├── LeaseLostError      another engine took over the run while this one was silent
    ├── TicketError         a ticket is none, or nothing waits for it any more
    └── NotInStepError      `current()` was called outside a running step

`Skip` and `NotYet` are no errors: a step's function raises them to say how it ends.

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


class PoolNotFoundError(StoreError):
    """The store has no shared pool of this name, or several."""


class RunExistsError(EventcoreError):
    """A new run was given a run id that the store already has."""


class RunHeldError(EventcoreError):
    """Another living engine holds the run; the message names its host and process."""


class LeaseLostError(EventcoreError):
    """Another engine took over the run while this one was silent; this engine records nothing more."""

    def __init__(self) -> None:
        super().__init__("another engine took over this run; this engine stops without recording anything more")


class TicketError(EventcoreError):
    """A ticket is none, or is not of the store at hand."""


class NotInStepError(EventcoreError):
    """`current()` was called outside a running step."""


class Skip(Exception):  # noqa: N818  it is no error
    """Raised by a step's function: there is nothing to do for it. The step is no failure, and no success either.

    if not rows:
        raise Skip("no new rows")
    """


class NotYet(Exception):  # noqa: N818  it is no error
    """Raised by a step's function: what it waits for has not happened; it is called again after so many seconds.

    Until then it takes no slot and holds no resources, and no try is counted.
    """

    def __init__(self, after: float) -> None:
        super().__init__(after)
        if isinstance(after, bool) or not isinstance(after, (int, float)) or not 0 <= after < float("inf"):
            raise ProgramError(f"NotYet: give a number of seconds, 0 or more, not {after!r}")
        self.after = float(after)
