"""A flow on the deciding layer alone: what starts is only noted, and a test tells how it ends."""

from __future__ import annotations

import sequent as seq
from eventcore.decide.changes import Attempt
from eventcore.decide.history import History
from eventcore.decide.plan import Plan
from eventcore.decide.state import Task
from eventcore.decide.turn import Turn
from eventcore.define.config import Config
from eventcore.define.outcome import Outcome
from eventcore.define.status import TaskStatus
from tests.property.test_decisions import NoArchive


def nothing() -> None:
    """What the steps do here: nobody calls it."""


class Decided:
    """The first turns of a flow's run; tasks are named as `path@sequence`."""

    def __init__(self, flow: seq.Sequent, max_concurrent: int = 0) -> None:
        built = flow.built()
        self.turn = Turn(Plan(built.program, Config(max_concurrent=max_concurrent)), History(), NoArchive(), {})
        self.tasks: dict[str, Task] = {}
        self.attempts: list[Attempt] = []
        self.ended_on_request: list[str] = []
        self._started: list[str] = []
        self._requests = 0
        self._answers: dict[int, str | None] = {}
        for event, sequence in built.starts:
            self.turn.start(built.program.events[event], sequence)
        self.settle()

    def started(self) -> list[str]:
        """What has started since this was asked last."""
        found, self._started = self._started, []
        return found

    def status(self, name: str) -> TaskStatus:
        return self.tasks[name].status

    def running(self, step: str) -> Task:
        """The one task of a step that a worker has, by the kernel's name of the step."""
        (found,) = [task for task in self.turn.context.state.running.values() if task.step.name == step]
        return found

    def task(self, step: str, sequence: str) -> Task:
        """A task that is not over, by the kernel's name of its step."""
        return self.turn.context.state.live[step, sequence]

    def end(self, name: str, ok: bool = True) -> None:
        """The task's worker reports."""
        self.turn.ended(self.tasks[name], Outcome(ok, error=None if ok else "it failed"))
        self.settle()

    def wait_until(self, now: float) -> None:
        """Time goes by."""
        self.turn.time_came(now)
        self.settle()

    def ask(self, verb: str, **argument: str) -> str | None:
        """How the request stands: why it is refused, `taken`, or None where it is done."""
        self._requests += 1
        self.turn.asked(self._requests, verb, argument)
        self.settle()
        return self.answer(self._requests)

    def answer(self, request: int) -> str | None:
        """How a request stands now; they are numbered from 1."""
        return self._answers.get(request, "taken")

    def settle(self) -> None:
        """Follow what happened to its consequences."""
        more = True
        while more:
            more = self.turn.settle()
            changes = self.turn.taken_changes()
            self.attempts += changes.attempts
            self.tasks |= {repr(task): task for task in (*changes.created.values(), *changes.updated.values())}
            self._answers |= dict(changes.answers)
            self._started += [repr(task) for task in changes.starts]
            self.ended_on_request += [repr(task) for task in changes.cancels]
