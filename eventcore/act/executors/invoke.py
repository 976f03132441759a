"""Runs steps in the engine itself, one at a time: nothing else happens meanwhile."""

from eventcore.act.envelope import Call, perform
from eventcore.act.executors.base import Executor


class InvokeExecutor(Executor):
    """For steps so short that handing them over would cost more than they do."""

    def start(self, ticket: int, call: Call, timeout: float | None) -> None:
        """Run the call now; `timeout` cannot be kept here and is refused where the step is added."""
        self.report(ticket, perform(call))

    def cancel(self, ticket: int) -> None:
        """Nothing runs when this can be called."""

    def close(self) -> None:
        """Nothing to release."""
