"""The seam for whatever runs steps: `Executor` is the contract, `eventcore.act.executors` has the implementations.

To add one, subclass `Executor` and write the class as `task_construct` (or its name as `"module:Class"`), or give it a
name in `eventcore.act.executors.registry`. `tests/eventcore/act/contract` is what it has to pass.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from eventcore.act.envelope import Call
from eventcore.define.outcome import Emission, Outcome

Report = Callable[[int, Outcome | Emission], None]

#: The outcome of a call that was cancelled, was pending at `close`, or was started after it.
CANCELLED = Outcome(False, error="cancelled")

#: The outcome of a call that `hand_back` ended.
HANDED_BACK = Outcome(False, error="ended, because its run's lease could not be renewed", is_late=True)


class Setting(msgspec.Struct, frozen=True):
    """What an executor needs to know of a program's configuration."""

    construct: Any  #: the `task_construct` that led to it, in canonical form
    max_concurrent: int = 1  #: calls that the engine starts at once; below 1: no limit
    logging_level: int = logging.INFO  #: the least level of the records that steps show on the console


class Executor(ABC):
    """Runs calls and reports how each ended; an engine has one for each `task_construct` in use.

    What every implementation promises:

    - Each started ticket is reported exactly once, by `report(ticket, outcome)`, from any thread, also from within
      `start`, and no later than `close` returns. The engine may start further calls from within `report`.
    - What a call emits while it runs is reported like its outcome, before it; where that is impossible, the outcome has
      it.
    - An executor never raises for what a step does, and neither do `start`, `cancel` and `close`: a call that raises,
      ends its worker or cannot even be submitted is reported as failed, harms no other call, and later calls run.
      `KeyboardInterrupt` alone passes where the step runs in the engine's own thread.
    - A call runs with `eventcore.act.envelope.perform` or `perform_async`, which give it its names and its log.
    - A call past its timeout is reported as failed with "timed out after N s"; an executor that cannot do this says so
      with `keeps_time = False`, and such steps are refused when the program is built.
    - Workers are made when there is work for them, and none is left when the program ends.
    """

    keeps_time: ClassVar[bool] = True  #: whether calls can have a timeout

    def __init__(self, report: Report, setting: Setting) -> None:
        self.report = report
        self.setting = setting

    @classmethod
    def capacity(cls, max_concurrent: int) -> int | None:
        """How many calls can run at once, apart from the configuration's limits; None for no limit.

        The engine starts no more than that, so that those which wait can still be chosen in another order.
        """
        return None

    @classmethod
    def leaves_process(cls, construct: Any) -> bool:
        """Whether calls surely leave this process, so that functions and arguments have to be pickled."""
        return False

    def prepare(self, function: Callable[..., object]) -> None:  # noqa: B027  most have nothing to prepare
        """Start what the first call would have to wait for; the call is likely to be of this function.

        The executor may also be closed without a call.
        """

    @abstractmethod
    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Run `call` as soon as there is room; it fails after `timeout` seconds of running, None for no limit.

        After `close` it is reported as cancelled and does not run.
        """

    @abstractmethod
    def cancel(self, ticket: int) -> None:
        """End the call and report it as cancelled.

        One that cannot be ended is given up and reported at once, and what it brings is dropped; or it is left to
        finish and reported then. Nothing happens for a ticket that is not known or was reported before.
        """

    def hand_back(self) -> None:  # noqa: B027  most cannot end what they run
        """End the calls that run or wait, as far as they can be ended, and report these as `HANDED_BACK`.

        Called from any thread, in good time before another engine may have the run. What cannot be ended, such as a
        thread, goes on and is reported when it is over: a call that is reported may begin again at once.
        """

    @abstractmethod
    def close(self) -> None:
        """Cancel what runs or waits and release every worker; calling it again does nothing.

        It waits for what it has ended, and never for what cannot be ended, such as a thread.
        """
