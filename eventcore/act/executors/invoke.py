"""Runs steps in the engine itself, one at a time: nothing else happens meanwhile."""

from functools import partial
from typing import ClassVar

from eventcore.act.envelope import Call, perform
from eventcore.act.executor import CANCELLED, Executor, Report, Setting


class InvokeExecutor(Executor):
    """For steps so short that handing them to a worker would cost more than running them."""

    keeps_time: ClassVar[bool] = False

    def __init__(self, report: Report, setting: Setting) -> None:
        super().__init__(report, setting)
        self._closed = False

    @classmethod
    def capacity(cls, max_concurrent: int) -> int | None:
        """One: the engine itself."""
        return 1

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Run the call now."""
        self.report(ticket, CANCELLED if self._closed else perform(call, partial(self.report, ticket)))

    def cancel(self, ticket: int) -> None:
        """Nothing runs when this can be called."""

    def close(self) -> None:
        """Nothing to release."""
        self._closed = True


#: Stands for the engine itself as executor: `task_construct=Invoke`, as older programs write.
Invoke = InvokeExecutor
