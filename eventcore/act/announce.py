"""What an engine says about a run while it works, in the seed's words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from eventcore.decide.changes import Attempt, Changes
from eventcore.decide.state import Task
from eventcore.define.status import TaskStatus, Verdict

log = logging.getLogger("eventcore")


class Announcer:
    """Logs to the logger `eventcore`: steps and verdicts at INFO, failures at ERROR, the rest at DEBUG."""

    def starting(self, task: Task) -> None:
        """A try of the task begins."""
        if log.isEnabledFor(logging.INFO) and not task.step.is_hidden:
            log.info("[ Step %s/%s ] Trying to run", task.step.path, task.sequence, extra=_origin(task))

    def turn(self, changes: Changes) -> None:
        """A turn is recorded."""
        if log.isEnabledFor(logging.INFO):
            for task in changes.ended:
                if not (task.step.is_container or task.step.is_hidden):
                    log.info("[ Step %s/%s ] Completed, status: %s", task.step.path, task.sequence, task.status,
                             extra=_origin(task))  # fmt: skip
            for task, source in changes.carried:
                log.debug("%r: done in recovery %d, skipped", task, source)
        for attempt in changes.attempts:
            if attempt.status is TaskStatus.failure:
                log.error("Exception in step %s/%s, try %d: %s%s%s", attempt.task.step.path, attempt.task.sequence,
                          attempt.try_number, attempt.error, _outlook(attempt),
                          f"\n{attempt.traceback}" if attempt.traceback else "",
                          extra=_origin(attempt.task))  # fmt: skip

    def asked(self, verb: str, argument: Mapping[str, Any]) -> None:
        """A user's request is taken up."""
        log.warning("Requested: %s", " ".join([verb, *(str(part) for part in argument.values() if part is not None)]))

    def paused(self) -> None:
        """The engine enters a run that is paused."""
        log.warning("The run is paused: nothing starts until it is resumed, as by `sequent resume`")

    def stopping(self, running: int) -> None:
        """The user asked the run to stop."""
        log.warning("Stopping: %d running steps may finish; press Ctrl-C again to end them", running)

    def finished(self, verdict: Verdict, todos: int, stalled: list[str], not_reached: list[str]) -> None:
        """The run's last line, and before it what it could not bring on."""
        for line in not_reached:
            log.info("Not reached: %s", line)
        for line in stalled:
            log.error("Stalled: %s", line)
        word = "success" if verdict in (Verdict.success, Verdict.pending) else verdict.value
        log.info("Processing finished with: %s; outstanding tasks: %d", word, todos)


def _outlook(attempt: Attempt) -> str:
    """What comes after a failed try, where another one does."""
    task = attempt.task
    if task.status is not TaskStatus.ready or task.due is None:
        return ""
    return f"; try {task.try_number} in {max(0.0, task.due - attempt.ended):.3g} s"


def _origin(task: Task) -> dict[str, str]:
    return {"origin": f"Task-{task.step.path}({task.sequence})"}
