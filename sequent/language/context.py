"""What a running step of a flow can know about itself."""

from __future__ import annotations

from typing import Any

import msgspec

import eventcore


class FlowContext(msgspec.Struct, frozen=True):
    """The running instance, as `sequent.current()` shows it."""

    kernel: eventcore.Current

    @property
    def name(self) -> str:
        """The step's path, such as `s0/s00/s1`."""
        return self.kernel.name

    @property
    def sequence(self) -> str:
        """The instance's sequence, such as `1.2.1`."""
        return self.kernel.sequence

    @property
    def recovery(self) -> int:
        """0 in the first run, then one more with each recovery."""
        return self.kernel.recovery

    @property
    def try_number(self) -> int:
        """1 in the first try, then one more with each retry."""
        return self.kernel.try_number

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.kernel.run_id

    @property
    def item(self) -> Any:
        """The item of the nearest loop around the step, None outside loops."""
        return self.kernel.extras.get("item")

    @property
    def key(self) -> str | None:
        """The key of the nearest loop's iteration, a mapping's key or `1`, `2` and so on; None outside loops."""
        return self.kernel.extras.get("key")

    @property
    def idempotency_key(self) -> str:
        """The same text in every try and recovery of this instance."""
        return self.kernel.idempotency_key

    def emit(self, event: str, value: object = None) -> None:
        """Emit an event of this step, declared with `step.event(name)`: it comes at once, while the step runs on.

        Nothing takes it back, also not a failure of the step, and a second time changes nothing. Raises `ProgramError`
        for an event that the step does not have, and `NotStorableError` for a value that cannot be stored.
        """
        self.kernel.emit(event, value)

    def defer(self, timeout: float | None = None) -> str:
        """Defer the end of this try until somebody completes it with the ticket returned; see `eventcore.Current`."""
        return self.kernel.defer(timeout)


def current() -> FlowContext:
    """What the running step can know about itself; raises `eventcore.errors.NotInStepError` outside a step."""
    return FlowContext(eventcore.current())
