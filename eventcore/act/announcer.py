"""From decisions to notices: tells the observers of a run what a recorded turn changed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from eventcore.act.forks import end_if_forked
from eventcore.act.observer import (
    AttemptFailed,
    Notice,
    Observer,
    RequestTaken,
    TaskEnded,
    TaskSkipped,
    TaskStarted,
    TurnRecorded,
)
from eventcore.decide.changes import Attempt, Changes
from eventcore.decide.state import Task
from eventcore.define.answer import UNTOLD
from eventcore.define.program import Step
from eventcore.define.status import TaskStatus

log = logging.getLogger("eventcore")


class Announcer:
    """The observers of one run; made when the run is entered."""

    def __init__(self, observers: Iterable[Observer], run_id: str) -> None:
        self.run_id = run_id
        self._observers: dict[type[Notice], list[Observer]] = {}
        for observer in observers:
            for kind in observer.kinds:
                self._observers.setdefault(kind, []).append(observer)
        self._has_raised: set[int] = set()

    def hears(self, *kinds: type[Notice]) -> bool:
        """Whether any observer wants notices of one of the kinds."""
        return any(kind in self._observers for kind in kinds)

    def tell(self, kind: type[Notice], at: float, *details: Any) -> None:
        """Make a notice of the details, and pass it to the observers that want its kind."""
        observers = self._observers.get(kind)
        if observers is not None:
            notice = kind(at, self.run_id, *details)
            for observer in observers:
                self._notify(observer, notice)

    def turn_recorded(self, changes: Changes, now: float, asked: Mapping[int, tuple[str, Mapping[str, Any]]]) -> None:
        """A turn is committed; `asked` has the requests that it took up."""
        moved = dict(changes.moved)
        for request, refusal in changes.answers:
            if request in asked:
                verb, argument = asked[request]
                told = {key: value for key, value in moved.get(request, argument).items() if key not in UNTOLD}
                self.tell(RequestTaken, now, verb, told, "done" if refusal is None else f"refused: {refusal}")
        if TaskEnded in self._observers:
            self._tasks_ended(changes, now)
        for task, recovery in changes.carried:
            if _is_told(task.step):
                self.tell(TaskSkipped, now, task.step.path, task.sequence, recovery)
        failed = [attempt for attempt in changes.attempts if attempt.status is TaskStatus.failure]
        containers = {(a.task.step.path, a.task.sequence) for a in failed if a.task.step.is_container}
        for attempt in failed:
            is_said = attempt.task.step.is_hidden and (attempt.task.step.path, attempt.task.sequence) in containers
            if not is_said:  # by its container
                self._attempt_failed(attempt)
        if changes:
            self.tell(TurnRecorded, now)

    def starting(self, task: Task, now: float) -> None:
        """An attempt of the task begins."""
        if not task.step.is_hidden:
            self.tell(TaskStarted, now, task.step.path, task.sequence, task.try_number)

    def _tasks_ended(self, changes: Changes, now: float) -> None:
        errors = {attempt.task.key: attempt.error for attempt in changes.attempts}
        for task in changes.ended:
            if _is_told(task.step):
                error = errors.get(task.key) if task.status is TaskStatus.failure else None
                self.tell(TaskEnded, now, task.step.path, task.sequence, task.status, task.try_number, task.started,
                          error)  # fmt: skip

    def _attempt_failed(self, attempt: Attempt) -> None:
        task = attempt.task
        due = task.due if task.status is TaskStatus.ready else None
        self.tell(AttemptFailed, attempt.ended, task.step.path, task.sequence, attempt.try_number, attempt.started,
                  attempt.error, attempt.traceback, due)  # fmt: skip

    def _notify(self, observer: Observer, notice: Notice) -> None:
        process = os.getpid()
        try:
            observer.notify(notice)
        except (Exception, SystemExit) as error:
            again = id(observer) in self._has_raised
            self._has_raised.add(id(observer))
            log.error("Observer %r raised at %s: %s: %s", observer, type(notice).__name__, type(error).__name__, error,
                      exc_info=None if again else error)  # fmt: skip
        finally:
            end_if_forked(process, "observer", type(observer).__name__)


def _is_told(step: Step) -> bool:
    """Whether notices are made about the step's tasks."""
    return not (step.is_container or step.is_hidden)
