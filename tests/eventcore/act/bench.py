"""An executor and what it reports, for the tests of executors."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from eventcore.act.current import Current
from eventcore.act.envelope import Call
from eventcore.act.executor import Setting
from eventcore.act.executors.registry import make_executor
from eventcore.act.routing import installed
from eventcore.act.steplog import LogTarget
from eventcore.define.outcome import Emission, Outcome

DEADLINE = 600
LOG = "load@1.2.1.log"  #: the log file of every call here


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true in time."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


class Reports:
    """Collects what an executor reports, and refuses a second report for a ticket."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._outcomes: dict[int, Outcome] = {}
        self._twice: list[int] = []
        self.emitted: list[tuple[int, Emission]] = []
        self.then: Callable[[int], None] | None = None  #: called after each report

    def __call__(self, ticket: int, outcome: Outcome | Emission) -> None:
        if isinstance(outcome, Emission):
            self.emitted.append((ticket, outcome))
            return
        with self._changed:
            if ticket in self._outcomes:
                self._twice.append(ticket)
            self._outcomes[ticket] = outcome
            self._changed.notify_all()
        if self.then is not None:
            self.then(ticket)

    def wait(self, ticket: int) -> Outcome:
        """The outcome of a call, once it is reported."""
        with self._changed:
            assert self._changed.wait_for(lambda: ticket in self._outcomes, DEADLINE), f"no report for {ticket}"
            assert not self._twice, f"reported twice: {self._twice}"
            return self._outcomes[ticket]

    def of(self, ticket: int) -> Outcome | None:
        """What is reported of a call by now."""
        return self._outcomes.get(ticket)

    def has(self, ticket: int) -> bool:
        """Whether the call is reported."""
        return ticket in self._outcomes

    def tickets(self) -> list[int]:
        """The calls that are reported."""
        return list(self._outcomes)


class Bench:
    """An executor and its reports, with a short way to start a call."""

    def __init__(self, construct: Any = "process", max_concurrent: int = 2) -> None:
        self.reports = Reports()
        self.executor = make_executor(self.reports, Setting(construct, max_concurrent))
        self._tickets = iter(range(1, 10**6))

    def start(
        self,
        function: Callable[..., Any],
        *args: Any,
        timeout: float | None = None,
        env: dict[str, str] | None = None,
        log: LogTarget | None = None,
        step: str = "load",
    ) -> int:
        """Start a call; returns its ticket."""
        ticket = next(self._tickets)
        view = Current(step, "1.2", recovery=0, try_number=1, run_id="r")
        self.executor.start(ticket, Call(function, args, {}, view, env or {}, log), timeout)
        return ticket

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Outcome:
        """The outcome of a call."""
        return self.reports.wait(self.start(function, *args, **options))

    def value(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """The value of a call that succeeds."""
        outcome = self.run(function, *args, **options)
        assert outcome.ok, outcome.error
        return None if outcome.result is None else json.loads(outcome.result)

    @staticmethod
    def routed() -> AbstractContextManager[None]:
        """What an engine does around its calls, so that those in its process write to their logs."""
        return installed(logging.INFO)
