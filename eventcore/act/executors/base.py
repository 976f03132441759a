"""The contract of everything that runs steps."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from eventcore.act.envelope import Call, Outcome

Report = Callable[[int, Outcome], None]


class Executor(ABC):
    """Runs calls and reports how each ended; the engine has one for each `task_construct` in use.

    `report(ticket, outcome)` must be called exactly once for each started ticket, from any thread, also when the worker
    dies, the call's time is up, or `cancel` ended it. An executor never raises for what a step does.
    """

    def __init__(self, report: Report) -> None:
        self.report = report

    @abstractmethod
    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Run `call` as soon as there is room; it fails after `timeout` seconds of running, None for no limit."""

    @abstractmethod
    def cancel(self, ticket: int) -> None:
        """End the call if that is possible; one that cannot be ended is left to finish, and reported then."""

    @abstractmethod
    def close(self) -> None:
        """End what still runs, release every worker and return when they are gone; calling again does nothing."""
