"""The executors of one engine: made when the first step needs one, closed together."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from eventcore.act.envelope import Call, failed
from eventcore.act.executor import Executor, Report, Setting
from eventcore.act.executors.registry import make_executor
from eventcore.act.programs import occupy_standard_descriptors
from eventcore.define.config import Config
from eventcore.define.outcome import Emission, Outcome

log = logging.getLogger("eventcore")


class Executors:
    """Starts each call on the executor of its canonical `task_construct`; to be closed, and of use again after that."""

    def __init__(self, config: Config) -> None:
        occupy_standard_descriptors()
        self._config = config
        self._made: dict[Any, Executor] = {}
        self._report: Report | None = None

    def report_to(self, report: Report) -> None:
        """Say who hears of outcomes from now on."""
        self._report = report

    def prepare(self, first: Mapping[Any, Callable[..., Any]]) -> None:
        """Let executors begin what takes long, given the first function for each; what fails here fails the step."""
        for construct, function in first.items():
            with suppress(Exception):
                self._of(construct).prepare(function)

    def start(self, construct: Any, ticket: int, call: Call, timeout: float | None) -> None:
        """See `Executor.start`; an executor that cannot be made, or raises, is a failure of the call."""
        try:
            self._of(construct).start(ticket, call, timeout)
        except Exception as error:
            self._reported(ticket, failed(error))

    def cancel(self, construct: Any, ticket: int) -> None:
        """See `Executor.cancel`."""
        if construct in self._made:
            try:
                self._made[construct].cancel(ticket)
            except Exception as error:
                log.exception("The executor %r could not cancel a call", construct)
                self._reported(ticket, failed(error))

    def hand_back(self) -> None:
        """See `Executor.hand_back`; from any thread."""
        for construct, executor in list(self._made.items()):
            try:
                executor.hand_back()
            except Exception:
                log.exception("The executor %r could not end its calls", construct)

    def close(self) -> None:
        """Close them all; calling again does nothing."""
        while self._made:
            construct, executor = self._made.popitem()
            try:
                executor.close()
            except Exception:
                log.exception("The executor %r could not be closed", construct)

    def _of(self, construct: Any) -> Executor:
        executor = self._made.get(construct)
        if executor is None:
            level = self._config.logging_level
            setting = Setting(construct, self._config.max_concurrent, level)
            executor = self._made[construct] = make_executor(self._reported, setting)
        return executor

    def _reported(self, ticket: int, outcome: Outcome | Emission) -> None:
        assert self._report is not None
        self._report(ticket, outcome)
